using Engine.Common;

namespace Engine.Tests;

public sealed class NearestNameTests
{
    [Theory]
    [InlineData("learning_rat", "learning_rate")]
    [InlineData("lora_aplha", "lora_alpha")]
    [InlineData("warmup", null)]
    [InlineData("batch_size", "per_device_train_batch_size")]
    public void Nearest_name_is_the_one_meant_or_none(string given, string? expected)
        => Assert.Equal(expected, NearestName.Find(given, ["learning_rate", "lora_alpha", "weight_decay", "per_device_train_batch_size"]));
}
