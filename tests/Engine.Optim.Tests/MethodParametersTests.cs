using Engine.Common;
using Engine.Optim;

namespace Engine.Optim.Tests;

public sealed class MethodParametersTests
{
    private static MethodParameters Given(params (string Name, object Value)[] values) =>
        new("flat-lora", values.Select((value, i) => new MethodParameter(value.Name, value.Value, $"run.yaml:{i + 3}")));

    [Fact]
    public void Values_are_read_with_their_types_and_defaults()
    {
        MethodParameters parameters = Given(("rho", 0.05), ("noise_seed", ulong.MaxValue), ("steps", 3L), ("norm", "l2"));
        Assert.Equal(0.05, parameters.Number("rho", 0.1, minimum: 0));
        Assert.Equal(ulong.MaxValue, parameters.Seed("noise_seed", 0));
        Assert.Equal(3, parameters.Integer("steps", 1, minimum: 1));
        Assert.Equal("l2", parameters.Choice("norm", "l1", "l1", "l2"));
        Assert.Equal(0.9, parameters.Number("decay", 0.9));
        parameters.Finish();
    }

    [Fact]
    public void Unknown_parameter_names_the_place_and_the_nearest_one()
    {
        MethodParameters parameters = Given(("noise_sead", 1L));
        parameters.Number("rho", 0.05);
        parameters.Seed("noise_seed", 0);
        string message = Assert.Throws<ConfigurationException>(parameters.Finish).Message;
        Assert.Contains("run.yaml:3", message);
        Assert.Contains("'noise_seed'?", message);
    }

    [Fact]
    public void Wrong_types_and_values_out_of_range_are_refused()
    {
        Assert.Contains("run.yaml:3", Assert.Throws<ConfigurationException>(() => Given(("rho", "big")).Number("rho", 0)).Message);
        Assert.Contains("at least 0", Assert.Throws<ConfigurationException>(() => Given(("rho", -1L)).Number("rho", 0, minimum: 0)).Message);
        Assert.Throws<ConfigurationException>(() => Given(("rho", double.NaN)).Number("rho", 0));
        Assert.Throws<ConfigurationException>(() => Given(("seed", -1L)).Seed("seed", 0));
        Assert.Throws<ConfigurationException>(() => Given(("steps", 2.5)).Integer("steps", 0));
        Assert.Contains("'l2'?", Assert.Throws<ConfigurationException>(() => Given(("norm", "L2")).Choice("norm", "l1", "l1", "l2")).Message);
    }

    [Theory]
    [InlineData("learning_rat", "learning_rate")]
    [InlineData("lora_aplha", "lora_alpha")]
    [InlineData("warmup", null)]
    [InlineData("batch_size", "per_device_train_batch_size")]
    public void Nearest_name_is_the_one_meant_or_none(string given, string? expected)
        => Assert.Equal(expected, NearestName.Find(given, ["learning_rate", "lora_alpha", "weight_decay", "per_device_train_batch_size"]));
}
