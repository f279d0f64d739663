namespace Engine.Kernels;

/// <summary>
/// What cross-entropy is taken to, where that is not the label alone: the target of class c is w_y (1 - s) [c = y] + w_c s / classes, with
/// the smoothing s and the weights w, and the mean divides by the sum of the rows' w_y (torch.nn.CrossEntropyLoss with weight and
/// label_smoothing; without weights, transformers' LabelSmoother).
/// </summary>
/// <param name="LabelSmoothing">s, from 0 to below 1; 0: none.</param>
/// <param name="ClassWeights">w [classes], positive; null: all 1.</param>
internal readonly record struct CrossEntropyOptions(float LabelSmoothing = 0, BufferView<float>? ClassWeights = null);
