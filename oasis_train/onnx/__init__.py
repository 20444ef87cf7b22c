"""Transformers to ONNX model folders, in float32 and 8 bits."""
