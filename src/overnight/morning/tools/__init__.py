"""A session in the tools that people have already: MLflow, TensorBoard, Weights & Biases; one file for each."""
