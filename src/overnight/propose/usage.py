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
    A model may be named with its provider (`openai/gpt-5`, `openrouter/openai/gpt-5`) or without.
    """
    if usage.cost is not None or not usage.tokens or not usage.model:
        return usage
    provider, _, name = usage.model.partition("/")
    cost = _cost(usage, name, provider) if name else None
    if cost is None:
        cost = _cost(usage, usage.model.rpartition("/")[2], None)
    return usage if cost is None else usage.model_copy(update={"cost": cost, "estimated": True})


def _cost(usage: Usage, model: str, provider: str | None) -> float | None:
    try:
        import genai_prices  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    counted = genai_prices.Usage(input_tokens=usage.input_tokens or 0, output_tokens=usage.output_tokens or 0)
    try:
        return float(genai_prices.calc_price(counted, model, provider_id=provider).total_price)
    except (LookupError, ValueError):  # It does not know the model, or not what this one costs.
        return None
