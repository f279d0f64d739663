namespace Engine.Training.Data;

/// <summary>
/// The prompt that Stanford Alpaca laid instructions out in, which models tuned on that data expect. The answer follows it without a line
/// break.
/// </summary>
internal static class AlpacaPrompt
{
    /// <summary>The prompt of an instruction; the input may be empty.</summary>
    public static string Of(string instruction, string input) => input.Length == 0
        ? "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
            + $"### Instruction:\n{instruction}\n\n### Response:"
        : "Below is an instruction that describes a task, paired with an input that provides further context. "
            + "Write a response that appropriately completes the request.\n\n"
            + $"### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:";
}
