using System.Security.Cryptography;
using System.Text;
using Engine.Tokenizers;

namespace Engine.Tokenizers.Tests;

/// <summary>
/// Normalization against what CPython 3.11 (<c>unicodedata</c>, Unicode 14.0) computes, as hashes over long inputs, and the examples of UAX
/// #15.
/// </summary>
public sealed class UnicodeNormalizationTests
{
    [Theory]
    [InlineData(NormalizationForm.FormC, "9be377bd12e20b8fdd4a31ac2d81a2b3c01160d9538c430a078aa1e4dd5e3300")]
    [InlineData(NormalizationForm.FormD, "0ce460e79d1ce60aca1479a2ccaa7be864905ae705b9e1c3eb1facd4e5884510")]
    [InlineData(NormalizationForm.FormKC, "0d4bd8dfb6efb9c0bfec4865715b17219a1fc301c333608fc5b7e9b69afc563c")]
    [InlineData(NormalizationForm.FormKD, "150b7512b7bba7308fde7a4eac54c42a4887f5dfde6d025aafa54da3848bca30")]
    public void Long_mixture_of_marks_and_compositions_equals_that_of_CPython(NormalizationForm form, string sha256)
    {
        // All characters with a combining class or decomposition, Hangul letters and small letters, drawn by a linear congruential
        // generator.
        int[] pool = [.. UnicodeNormalization.AffectedCodePoints, .. Enumerable.Range(0x1100, 0x100), .. Enumerable.Range('a', 26)];
        StringBuilder text = new();
        long state = 12345;
        for (int i = 0; i < 200_000; i++)
        {
            state = ((state * 1103515245) + 12345) & 0x7FFFFFFF;
            text.Append(new Rune(pool[(int)((state >> 8) % pool.Length)]));
        }

        Assert.Equal(6985, pool.Length);
        Assert.Equal(sha256, Hash(UnicodeNormalization.Normalize(text.ToString(), form)));
    }

    [Theory]
    [InlineData(NormalizationForm.FormC, "d6e7e73f03aea272f3c3e96e270e2dbd949f0e9471933072802e9728d3b9b49f")]
    [InlineData(NormalizationForm.FormD, "a378f356ebb0da395829fe7b3cdbeb065ff0cb899115e9fb1a0970d40cde3405")]
    [InlineData(NormalizationForm.FormKC, "018ce8afa8280e20798780aa38954df91433c9a2cb1cd76f7967e4d27e2c7661")]
    [InlineData(NormalizationForm.FormKD, "801f4debc274e6f1364671dc2a58129c94c673b0000732df34b7c6c198a8ec2b")]
    public void Each_character_by_itself_equals_that_of_CPython(NormalizationForm form, string sha256)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int point = 0; point < 0x30000; point++)
        {
            if (Rune.IsValid(point))
            {
                hash.AppendData(
                    System.Text.Encoding.UTF8.GetBytes(UnicodeNormalization.Normalize(new Rune(point).ToString(), form) + "\n"));
            }
        }

        Assert.Equal(sha256, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Theory]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E69", "s\u0323\u0307")]
    [InlineData("\uFB01", "\uFB01", "\uFB01", "fi", "fi")]
    [InlineData("\u212B", "\u00C5", "A\u030A", "\u00C5", "A\u030A")]
    [InlineData("\uD55C", "\uD55C", "\u1112\u1161\u11AB", "\uD55C", "\u1112\u1161\u11AB")]
    public void Examples_of_UAX_15_hold(string text, string c, string d, string kc, string kd)
    {
        Assert.Equal(c, UnicodeNormalization.Normalize(text, NormalizationForm.FormC));
        Assert.Equal(d, UnicodeNormalization.Normalize(text, NormalizationForm.FormD));
        Assert.Equal(kc, UnicodeNormalization.Normalize(text, NormalizationForm.FormKC));
        Assert.Equal(kd, UnicodeNormalization.Normalize(text, NormalizationForm.FormKD));
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));
}
