using Engine.Devices.Kernels;
using ILGPU.Backends.OpenCL;
using ILGPU.IR;
using ILGPU.IR.Values;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// <see cref="MatrixInstructions"/> and <see cref="CopyInstructions"/> in OpenCL C, by loops: the items of a team put their parts of A and
/// B into the group's local memory, and each computes the sums that it holds on cards with matrix units. ILGPU calls the generators by
/// reflection.
/// </summary>
internal static class OpenClTiles
{
    /// <summary>The teams of the largest group; each has <see cref="TeamWords"/> of local memory.</summary>
    public const int MostTeams = 8;

    /// <summary>
    /// Pairs of elements of A's rows and of B's columns, nine apart: eight and one that keeps rows out of each other's banks.
    /// </summary>
    private const int TeamWords = 2 * Tile.Size * Pitch;

    private const int Pitch = (Tile.Size / 2) + 1;
    private const string Call = "engine_multiply_add";

    private static readonly string Functions = $$"""
        inline float engine_float(uint bits, int bfloat16)
        {
            uint magnitude = (bits & 0x7FFFu) << 13;
            uint half_bits = ((bits & 0x8000u) << 16) | ((bits & 0x7FFFu) >= 0x7C00u ? magnitude + 0x70000000u
                : (bits & 0x7FFFu) < 0x0400u ? as_uint((float)(bits & 0x7FFFu) * 0x1p-24f) : magnitude + 0x38000000u);
            return as_float(bfloat16 ? bits << 16 : half_bits);
        }

        inline float8 {{Call}}(local uint* tiles, uint4 a, uint4 b, float8 sums, int bfloat16)
        {
            int group = (int)get_local_id(0) % {{Tile.TeamItems}} / 4, thread = (int)get_local_id(0) % 4;
            local uint* left = tiles + ((int)get_local_id(0) / {{Tile.TeamItems}} * {{TeamWords}});
            local uint* right = left + {{Tile.Size * Pitch}};
            barrier(CLK_LOCAL_MEM_FENCE);
            left[group * {{Pitch}} + thread] = a.s0;
            left[(group + 8) * {{Pitch}} + thread] = a.s1;
            left[group * {{Pitch}} + thread + 4] = a.s2;
            left[(group + 8) * {{Pitch}} + thread + 4] = a.s3;
            right[group * {{Pitch}} + thread] = b.s0;
            right[group * {{Pitch}} + thread + 4] = b.s1;
            right[(group + 8) * {{Pitch}} + thread] = b.s2;
            right[(group + 8) * {{Pitch}} + thread + 4] = b.s3;
            barrier(CLK_LOCAL_MEM_FENCE);
            #pragma unroll 2
            for (int step = 0; step < {{Tile.Size}}; step++)
            {
                int shift = step % 2 * 16, word = step / 2;
                float upper = engine_float(left[group * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16);
                float lower = engine_float(left[(group + 8) * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16);
                float4 columns = (float4)(
                    engine_float(right[2 * thread * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16),
                    engine_float(right[(2 * thread + 1) * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16),
                    engine_float(right[(2 * thread + 8) * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16),
                    engine_float(right[(2 * thread + 9) * {{Pitch}} + word] >> shift & 0xFFFFu, bfloat16));
                sums.s0145 = fma((float4)(upper), columns, sums.s0145);
                sums.s2367 = fma((float4)(lower), columns, sums.s2367);
            }

            return sums;
        }

        """.ReplaceLineEndings("\n");

    /// <summary>The text with the functions, and the local memory in its kernel, where tiles are multiplied.</summary>
    public static string Mend(string text, string entryPoint)
    {
        if (!text.Contains(Call, StringComparison.Ordinal))
        {
            return text;
        }

        int kernel = text.IndexOf("kernel void " + entryPoint, StringComparison.Ordinal);
        int body = text.IndexOf('{', kernel) + 1;
        return $"{text[..kernel]}{Functions}{text[kernel..body]}\n\tlocal uint engine_tiles[{MostTeams * TeamWords}];{text[body..]}";
    }

    /// <summary>Never: tiles are loaded by plain loads, which know their memory.</summary>
    internal static void IsShared(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        using var statement = generator.BeginStatement(generator.Allocate(value));
        statement.AppendConstant(0);
    }

    /// <summary>Stands behind <see cref="IsShared"/> and never runs.</summary>
    internal static void Load(CLBackend backend, CLCodeGenerator generator, Value value) => generator.Declare(generator.Allocate(value));

    /// <inheritdoc cref="Load"/>
    internal static void LoadTransposed(CLBackend backend, CLCodeGenerator generator, Value value) => Load(backend, generator, value);

    internal static void MultiplyAddBFloat16(CLBackend backend, CLCodeGenerator generator, Value value) =>
        EmitMultiplyAdd(generator, (MethodCall)value, 1);

    internal static void MultiplyAddFloat16(CLBackend backend, CLCodeGenerator generator, Value value) =>
        EmitMultiplyAdd(generator, (MethodCall)value, 0);

    /// <summary>A copy that is made where it starts; memory of the text is aligned to its elements.</summary>
    internal static void Start(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        var target = generator.Load(call[0]);
        var source = generator.Load(call[1]);
        var bytes = generator.Load(call[2]);
        generator.Builder.AppendLine(
            $"\t{{ ushort8 copied = (ushort8)(0); if ({bytes}) {{ copied = vload8(0, (const global ushort*){source}); }} "
            + $"vstore8(copied, 0, (local ushort*){target}); }}");
    }

    /// <summary>Nothing: no copy is under way.</summary>
    internal static void Commit(CLBackend backend, CLCodeGenerator generator, Value value)
    {
    }

    /// <inheritdoc cref="Commit"/>
    internal static void Wait(CLBackend backend, CLCodeGenerator generator, Value value)
    {
    }

    private static void EmitMultiplyAdd(CLCodeGenerator generator, MethodCall call, int bfloat16)
    {
        string a = Fields("uint", call[0], 4), b = Fields("uint", call[1], 4), sums = Fields("float", call[2], 8);
        var target = generator.Allocate(call);
        generator.Declare(target);
        string results = string.Concat(Enumerable.Range(0, 8).Select(i => $" {target}.field_{i} = result.s{i};"));
        generator.Builder.AppendLine($"\t{{ float8 result = {Call}(engine_tiles, {a}, {b}, {sums}, {bfloat16});{results} }}");

        string Fields(string type, Value structure, int count) =>
            $"({type}{count})({string.Join(", ", Enumerable.Range(0, count).Select(i => $"{generator.Load(structure)}.field_{i}"))})";
    }
}
