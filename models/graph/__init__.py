"""BERT as an ONNX graph: in the operators that ONNX Runtime computes fastest, proved equal to PyTorch. Calibration
notes its ranges.
"""
