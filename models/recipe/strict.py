"""What every part of a recipe is: a model that takes nothing it does not know."""

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """No unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Schedule(Strict):
    """How long and how fast a model is trained; `patience` counts epochs without a better validation accuracy."""

    epochs: int = Field(ge=1, le=100)
    learning_rate: float = Field(gt=0, lt=1)
    batch_size: int = Field(64, ge=1)
    patience: int = Field(4, ge=1)
