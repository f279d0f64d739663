using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Engine.Devices.Programs;

/// <summary>What a compiled program depends on, as one SHA-256: its whole source, the options, the device and the driver.</summary>
internal readonly record struct ProgramKey
{
    /// <summary>Bytes of a key.</summary>
    public const int Size = SHA256.HashSizeInBytes;

    private ProgramKey(string hex) => Hex = hex;

    /// <summary>The hash in lower-case hexadecimal; also the entry's file name.</summary>
    public string Hex { get; }

    public static ProgramKey Of(string source, string options, string device, string driver)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string part in (ReadOnlySpan<string>)[source, options, device, driver])
        {
            // Lengths keep parts apart: "ab" + "c" is not "a" + "bc".
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return new ProgramKey(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    internal byte[] ToBytes() => Convert.FromHexString(Hex);
}
