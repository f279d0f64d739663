using Engine.Common.Keys;

namespace Engine.Training.Configuration;

/// <summary>The section <c>federated</c>: clients that train apart and meet after every round, one after another on one device.</summary>
public sealed record FederatedConfiguration : IKeyRules
{
    /// <summary>Clients, each with a part of the training data.</summary>
    [Key(Required = true, Minimum = 1, Maximum = 1 << 16)]
    public int Clients { get; init; }

    /// <summary>
    /// Rounds: in each, clients train from the server's weights for num_train_epochs (or max_steps) of their own data, and the server makes
    /// one adapter of theirs.
    /// </summary>
    [Key(Required = true, Minimum = 1)]
    public int Rounds { get; init; }

    /// <summary>
    /// How the training data is divided: row (at random, in equal parts), label (each class by shares drawn from a Dirichlet distribution),
    /// file (a client for each file of data.train).
    /// </summary>
    /// <value>Default: Row.</value>
    [Key]
    public ClientSplitKind Split { get; init; } = ClientSplitKind.Row;

    /// <summary>
    /// split: label: the concentration of the Dirichlet distribution: 0.1 leaves most clients few classes, 100 gives all alike.
    /// </summary>
    /// <value>Default: 0.5.</value>
    [Key(Minimum = 0, Above = true, Default = "0.5")]
    public double? Concentration { get; init; }

    /// <summary>Share of the clients that take part in a round, rounded up, drawn anew for each.</summary>
    /// <value>Default: 1.</value>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double Participation { get; init; } = 1;

    /// <summary>
    /// How the server makes one adapter of the clients': fedit (A, B and the head averaged by rows), lora-fair (B corrected towards the
    /// average of the products B A).
    /// </summary>
    /// <value>Default: FedIt.</value>
    [Key]
    public AggregationKind Aggregation { get; init; } = AggregationKind.FedIt;

    /// <summary>aggregation: lora-fair: what holds the correction of B small, beside the squares of the averaged A's rows.</summary>
    /// <value>Default: 0.1.</value>
    [Key(Minimum = 0, Above = true, Default = "0.1")]
    public double? Mu { get; init; }

    /// <inheritdoc/>
    KeyProblem? IKeyRules.Problem =>
        Concentration is not null && Split != ClientSplitKind.Label
            ? new KeyProblem(nameof(Concentration), $"none, since only {Setting.Of("split", "label")} draws shares")
        : Mu is not null && Aggregation != AggregationKind.LoraFair
            ? new KeyProblem(nameof(Mu), $"none, since only {Setting.Of("aggregation", "lora-fair")} corrects")
        : null;
}
