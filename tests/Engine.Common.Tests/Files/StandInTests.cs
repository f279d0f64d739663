using Engine.Common.Files;

namespace Engine.Tests.Files;

public sealed class StandInTests
{
    [Theory]
    [InlineData("{\"a\": \"b/c\"}")]
    [InlineData("hello")]
    [InlineData("a/b c/d")]
    [InlineData("")]
    public void What_is_only_short_is_no_stand_in(string content)
    {
        Assert.Null(StandIn.Problem(System.Text.Encoding.UTF8.GetBytes(content)));
    }
}
