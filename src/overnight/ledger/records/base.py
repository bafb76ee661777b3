"""What several records have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class LedgerRecord(BaseModel):
    """What all records have in common."""

    # A later version may have added fields: they are ignored, so that an old program reads a new ledger.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Usage(LedgerRecord):
    """What a proposer used up, as it reports it or, where it does not, as it is estimated."""

    cost: float | None = None
    """US dollars; None where nobody knows."""
    input_tokens: int | None = None
    """Read by the model, those read from a cache included."""
    output_tokens: int | None = None
    turns: int | None = None
    """How often the model was asked."""
    model: str = ""
    """Its name, as the provider spells it."""
    estimated: bool = False
    """Whether the tokens or the dollars were worked out by Overnight, and not reported."""

    @property
    def tokens(self) -> int:
        """All tokens together."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


NOTHING_USED = Usage()
