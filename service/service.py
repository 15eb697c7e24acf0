"""The entry point: `bentoml serve service.service:bonsai`."""

from service.serving.service import bonsai

__all__ = ["bonsai"]
