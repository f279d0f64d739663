namespace Engine.Model.Tests;

public sealed class ParallelWorkTests
{
    [Fact]
    public void Results_stand_in_the_order_of_the_pieces()
    {
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => 3 * i), ParallelWork.Run(5000, i => 3 * i));
        Assert.Empty(ParallelWork.Run(0, i => i));
    }

    /// <summary>As of a loop over the pieces: the same input is always refused with the same sentence.</summary>
    [Fact]
    public void The_first_piece_that_fails_says_why()
    {
        for (int round = 0; round < 50; round++)
        {
            var error = Assert.Throws<InvalidDataException>(
                () => ParallelWork.Run(2000, i => i % 700 == 699 ? throw new InvalidDataException($"piece {i}") : i));
            Assert.Equal("piece 699", error.Message);
        }
    }
}
