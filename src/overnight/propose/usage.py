"""What a proposal used up, where its proposer does not say it: tokens counted from the text, dollars from prices."""

from __future__ import annotations

from overnight.ledger.records import Usage

_CHARACTERS_PER_TOKEN = 4
"""As OpenAI's and Google's documentation gives it for English text; code has a little fewer."""


def characters_in(tokens: int) -> int:
    """About how many characters so many tokens are."""
    return tokens * _CHARACTERS_PER_TOKEN


def tokens_in(text: str) -> int:
    """About how many tokens a text is."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def estimate(read: str, written: str, *, model: str = "") -> Usage:
    """The usage of a proposer that does not say what it used: at least what it was told and what it said."""
    return Usage(
        input_tokens=tokens_in(read),
        output_tokens=tokens_in(written),
        model=model,
        estimated=True,
    )


def priced(usage: Usage) -> Usage:
    """The usage with the dollars that its tokens cost by the price tables of `genai-prices`, if nobody has said so.

    Those tables come with `overnight[models]`; without them, or for a model that they do not have, nothing is added.
    """
    if usage.cost is not None or not usage.tokens or not usage.model:
        return usage
    try:
        import genai_prices  # noqa: PLC0415 - an extra
    except ImportError:
        return usage
    provider, _, name = usage.model.rpartition("/")
    counted = genai_prices.Usage(input_tokens=usage.input_tokens or 0, output_tokens=usage.output_tokens or 0)
    try:
        price = genai_prices.calc_price(counted, name, provider_id=provider or None)
    except LookupError:
        return usage
    return usage.model_copy(update={"cost": float(price.total_price), "estimated": True})
