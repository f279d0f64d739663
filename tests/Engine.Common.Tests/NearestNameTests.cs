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

    [Theory]
    [InlineData("flatlora")]
    [InlineData("flat_lora")]
    [InlineData("FlatLoRA")]
    [InlineData("flat-loar")]
    public void Case_hyphens_and_underscores_do_not_hide_a_name(string given) =>
        Assert.Equal("flat-lora", NearestName.Find(given, ["lora", "flat-lora", "lora-plus"]));

    [Theory]
    [InlineData("--output", null)]
    [InlineData("--txt", "--text")]
    [InlineData("--max", "--max-length")]
    [InlineData("--textfile", null)]
    public void A_name_of_which_more_than_a_third_differs_is_another_one(string given, string? expected) =>
        Assert.Equal(expected, NearestName.Find(given, ["--text", "--text-pair", "--max-length", "--file"]));

    [Theory]
    [InlineData("abd", "abc")]
    [InlineData("ad", null)]
    [InlineData("acb", "abc")]
    public void Short_names_may_differ_in_one_place_of_three(string given, string? expected) =>
        Assert.Equal(expected, NearestName.Find(given, ["abc", "xy"]));
}
