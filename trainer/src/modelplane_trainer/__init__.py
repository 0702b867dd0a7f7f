"""Modelplane's trainer: a job's specification in, an ONNX model and JSON-lines events out."""

__version__ = "0.1.0"
