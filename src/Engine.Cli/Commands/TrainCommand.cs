using Engine.Cli.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine train</c>: trains what a run file says.</summary>
internal sealed class TrainCommand(CommandHost host) : TrainingCommand(
    host,
    isFederated: false,
    "train",
    "Fine-tunes (or pretrains) a model as a run file says. Ctrl-C stops after the current step and keeps what was learned; a "
        + "second Ctrl-C aborts.",
    "engine train run.yaml",
    "engine train run.yaml --set learning_rate=1e-3 --set output=runs/other --device opencl",
    "engine train run.yaml --resume")
{
    public override (string Heading, IReadOnlyList<string> Lines)? SampleFile =>
    (
        "A run file:",
        [
            "model: models/roberta-base            # a folder with config.json, model.safetensors and the tokenizer's files",
            "task: sequence-classification         # regression, masked-lm, causal-lm",
            "output: runs/reviews                  # paths are relative to this file",
            "method: flat-lora                     # leave out for plain LoRA",
            "adapter: {r: 8, lora_alpha: 16}       # leave out to train all of the model",
            "data: {train: reviews.csv, validation_split: 0.1, text: review, label: stars}",
            "learning_rate: 5.0e-4",
            "num_train_epochs: 3",
        ]
    );
}
