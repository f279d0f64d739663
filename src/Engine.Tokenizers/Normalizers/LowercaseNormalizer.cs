using System.Text;

namespace Engine.Tokenizers;

/// <summary><c>Lowercase</c>: the full lower-case mapping of each character by itself (no final sigma).</summary>
internal sealed class LowercaseNormalizer : INormalizer
{
    public void Normalize(AlignedText text) => Lower(text);

    public static void Lower(AlignedText text)
    {
        if (Ascii.IsValid(text.Text))
        {
            text.Overwrite(text.Text.ToLowerInvariant());
            return;
        }

        TextRewriter output = new(text);
        int index = 0;
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            // The one character whose lower case is two.
            if (rune.Value == 0x130)
            {
                output.Append("i\u0307", index);
            }
            else
            {
                output.Append(Rune.ToLowerInvariant(rune), index);
            }

            index += rune.Utf16SequenceLength;
        }

        output.Apply();
    }
}
