using Engine.Cli.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine federate</c>: the same by clients that train apart and meet after every round.</summary>
internal sealed class FederateCommand(CommandHost host) : TrainingCommand(
    host,
    isFederated: true,
    "federate",
    "Fine-tunes a model by clients that train apart on their parts of the data and meet after every round, one after another on one "
        + "device, as the run file's 'federated:' section says. Ctrl-C gives up the round that is under way and keeps those before it.",
    "engine federate run.yaml",
    "engine federate run.yaml --set 'federated={clients: 8, rounds: 10, split: label, aggregation: lora-fair}' --set output=runs/fair",
    "engine federate run.yaml --resume");
