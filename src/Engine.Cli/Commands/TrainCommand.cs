using Engine.Cli.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine train</c>: trains what a run file says.</summary>
internal sealed class TrainCommand(CommandHost host) : TrainingCommand(
    host,
    isFederated: false,
    "train",
    "Fine-tunes (or pretrains) a model as a run file says. Ctrl-C stops after the current step and keeps what was learned; a second Ctrl-C aborts.",
    "engine train models/demo/run.yaml",
    "engine train models/demo/run.yaml --set learning_rate=1e-3 --set output=runs/other --device opencl",
    "engine train models/demo/run.yaml --resume");
