using Microsoft.CodeAnalysis;

namespace Engine.Compiler.Tests;

/// <summary>Each thing that a kernel may not do is told at its C# line, under its id.</summary>
public class DiagnosticTests
{
    /// <summary>Members of a kernel class, and the diagnostic they must give; the faulty text stands between « and ».</summary>
    public static TheoryData<string, string> Faults { get; } = new()
    {
        { "ENG0001", "[Kernel] public static int «K»(ArrayView<int> x) => x[0];" },
        { "ENG0003", "[Kernel] public static void K(string «s») { }" },
        { "ENG0003", "[Kernel] public static void K(int[] «s») { }" },
        { "ENG0003", "public struct Pair { public int A; } [Kernel] public static void K(Pair «p») { }" },
        { "ENG0003", "[Kernel] public static void K(ref int «x») { }" },
        { "ENG0004", "[Kernel] public static void K([Specialize] float «f») { }" },
        { "ENG0005", "[Kernel] public static void K<«T»>(ArrayView<int> x) { }" },
        { "ENG0006", "[Kernel] public static void K(ArrayView<int> x) { object «o = null»; }" },
        { "ENG0006", "[Kernel] public static void K(ArrayView<int> x) { string «s = \"a\"»; }" },
        { "ENG0007", "[Kernel] public static void K(ArrayView<int> x) { x[0] = («new int[3]»)[0]; }" },
        { "ENG0006", "[Kernel] public static void K(ArrayView<int> x) { Span<int> «s = stackalloc int[3]»; x[0] = 1; }" },
        { "ENG0008", "[Kernel] public static void K(ArrayView<int> x) { «throw new System.Exception();» }" },
        { "ENG0008", "[Kernel] public static void K(ArrayView<int> x) { «try { x[0] = 1; } finally { }» }" },
        { "ENG0009", "[Kernel] public static void K(ArrayView<int> x) { «System.Console.WriteLine()»; }" },
        { "ENG0009", "[Kernel] public static void K(ArrayView<float> x) { x[0] = «MathF.ReciprocalSqrtEstimate(x[0])»; }" },
        { "ENG0009", "[Kernel] public static void K(ArrayView<float> x) { x[0] = «Math.Sign(x[1])»; }" },
        { "ENG0010",
            "[Kernel] public static void K(ArrayView<int> x) { x[0] = F(3); } private static int F(int n) => n < 1 ? 0 : «F(n - 1)»;" },
        { "ENG0011", "[Kernel] public static void K(ArrayView<float> x) { «Atomic.Add(ref x[0], 1f)»; }" },
        { "ENG0012",
            "[Kernel] public static void K(ArrayView<int> x, int n) { ArrayView<int> a = LocalMemory.Allocate<int>(«n»); a[0] = 1; }" },
        { "ENG0012", "[Kernel] public static void K(ArrayView<int> x, int n) { F(«n»); } private static void F([Specialize] int n) { }" },
        {
            "ENG0013",
            "[Kernel] public static void K(ArrayView<int> x) { F(); } private static void F() { ArrayView<int> a = «SharedMemory.Allocate<int>(4)»; a[0] = 1; }" },
        {
            "ENG0013",
            "[Kernel] public static void K(ArrayView<int> x) { if (x[0] > 0) { ArrayView<int> a = «LocalMemory.Allocate<int>(4)»; a[0] = 1; } }" },
        { "ENG0014", "[Kernel] public static void K(ArrayView<int> x) { «switch (x[0]) { case 0: Group.Barrier(); break; }» }" },
        { "ENG0014", "[Kernel] public static void K(ArrayView<int> x) { x[0] = x[0] > 0 ? «Warp.Shuffle(x[1], 0)» : 0; }" },
        { "ENG0014", "[Kernel] public static void K(ArrayView<int> x) { while («Warp.Shuffle(x[1], 0) > 0») { x[0] = 1; } }" },
        {
            "ENG0014",
            "[Kernel] public static void K(ArrayView<int> x) { x[0] = F(x[1]); } private static int «F»(int v) { if (v > 0) { return 1; } Group.Barrier(); return 0; }" },
        { "ENG0015", "[Kernel] public static void K(ArrayView<int> x) { «foreach (int i in new int[2]) { x[i] = 1; }» }" },
        { "ENG0015", "[Kernel] public static void K(ArrayView<int> x) { «lock (typeof(int)) { x[0] = 1; }» }" },
        { "ENG0015", "[Kernel] public static void K(ArrayView<int> x) { ref int «r = ref x[0]»; r = 1; }" },
        { "ENG0016", "[Kernel] public static void K(ArrayView<int> x) { x[0] = «x[1] switch { 0 => 1, _ => 2 }»; }" },
        { "ENG0016", "[Kernel] public static void K(ArrayView<int> x) { x[0] = checked(«x[1] + x[2]»); }" },
        { "ENG0017", "[Kernel] public static void K(ArrayView<int> x) { int i = 0; x[«i++»] = 1; }" },
        { "ENG0018", "private static int s_count; [Kernel] public static void K(ArrayView<int> x) { x[0] = «s_count»; }" },
        { "ENG0018", "private static int s_count; [Kernel] public static void K(ArrayView<int> x) { «s_count» = x[0]; }" },
        {
            "ENG0019",
            "public struct P { public int A; public int Get() => A; } [Kernel] public static void K(ArrayView<int> x) { P p = default; x[0] = «p.Get()»; }" },
        {
            "ENG0020",
            "[Kernel] public static void K(ArrayView<int> x) { x[0] = «Engine.Devices.ElementTypes.SizeInBytes((Engine.Devices.ElementType)x[1])»; }" },
        { "ENG0021",
            "[Kernel] public static void K(ArrayView<int> x, ArrayView<int> y, int n) { ArrayView<int> v = «n > 0 ? x : y»; v[0] = 1; }" },
        {
            "ENG0021",
            "[Kernel] public static void K(ArrayView<int> x) { ArrayView<int> v = LocalMemory.Allocate<int>(2); ArrayView<int> w = x; «w = v»; w[0] = 1; }" },
        {
            "ENG0014",
            "[Kernel] public static void K(ArrayView<Half> x, int n) { TileA<Half> a = n > 0 ? Tile.LoadA(x, 0, 16, TileOrder.RowMajor) : «Tile.LoadA(x, 1, 16, TileOrder.RowMajor)»; }" },
        {
            "ENG0014",
            "[Kernel] public static void K(ArrayView<float> c, int n) { «switch (n) { case 0: Tile.Store(Tile.Zero(), c, 0, 16); break; }» }" },
        { "ENG0023", "[Kernel] public static void K(ArrayView<float> x) { TileA<float> «a = Tile.LoadA(x, 0, 16, TileOrder.RowMajor)»; }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<float> c) { ArrayView<TileSum> s = «SharedMemory.Allocate<TileSum>(2)»; s[0] = Tile.Zero(); }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<Half> x) { ArrayView<Half> l = LocalMemory.Allocate<Half>(256); l[0] = x[0]; TileA<Half> a = Tile.LoadA(«l», 0, 16, TileOrder.RowMajor); }" },
        { "ENG0023", "[Kernel] public static void K(ArrayView<float> c) { TileSum s = «default»; Tile.Store(s, c, 0, 16); }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<Half> x, int n) { ArrayView<Half> s = SharedMemory.Allocate<Half>(8); TileCopy.Start(«s», 0, s, 0, true); }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<Half> x, int n) { ArrayView<Half> s = SharedMemory.Allocate<Half>(8); TileCopy.Start(x, 0, «x», 0, true); s[0] = x[0]; }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<Half> x, int n) { ArrayView<Half> s = SharedMemory.Allocate<Half>(8); TileCopy.Start(x, 0, s, 0, true); TileCopy.Wait(«n»); }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<Half> x, int n) { ArrayView<Half> s = SharedMemory.Allocate<Half>(8); TileCopy.Start(x, 0, s, 0, true); TileCopy.Wait(«-1»); }" },
        {
            "ENG0023",
            "[Kernel] public static void K(ArrayView<float> x) { ArrayView<float> s = SharedMemory.Allocate<float>(8); «TileCopy.Start(x, 0, s, 0, true)»; }" },
        {
            "ENG0024",
            "[Kernel] public static void K(ArrayView<int> x, int n) { ArrayView<int> a = LocalMemory.Allocate<int>(4); «for (int i = 0; i < n; i++) { a[i] = x[i]; }» x[0] = a[0]; }" },
        {
            "ENG0024",
            "[Kernel] public static void K(ArrayView<int> x, [Specialize] int n) { ArrayView<int> a = LocalMemory.Allocate<int>(n); «for (int i = 0; i < n; i++) { a[i] = x[i]; }» x[0] = a[0]; }" },
        {
            "ENG0021",
            "[Kernel] public static void K(O o) { «o.N» = 1; } [Operands] public partial struct O { public ArrayView<int> X; public int N; }" },
        {
            "ENG0021",
            "[Kernel] public static void K(O o, ArrayView<int> x) { «o.X» = x; } [Operands] public partial struct O { public ArrayView<int> X; }" },
        {
            "ENG0021",
            "[Kernel] public static void K(ArrayView<int> x) { F(«new O { X = x }»); } private static void F(O o) { } [Operands] public partial struct O { public ArrayView<int> X; }" },
        {
            "ENG0021",
            "[Kernel] public static void K(ArrayView<int> x) { O o = «default»; x[0] = o.N; } [Operands] public partial struct O { public int N; }" },
        { "ENG0026", "[Operands] public struct «O» { public ArrayView<int> X; }" },
        { "ENG0026", "[Operands] public partial record struct «O» { public ArrayView<int> X; }" },
        { "ENG0026", "[Operands] public partial struct «O» { }" },
        { "ENG0026", "[Operands] public partial struct O { public int «Buffers»; }" },
        { "ENG0026", "[Operands] public partial struct O { public string «X»; }" },
        { "ENG0026", "[Operands] public partial struct O { public ArrayView<Half> «X»; }" },
        { "ENG0026", "[Operands] public partial struct O { public int «N» { get; set; } }" },
        { "ENG0026", "[Operands] public partial struct O { public readonly int «N»; }" },
        { "ENG0025", "[Kernel] public static void K(ArrayView<float> x) { x[0] = (float)(«2.0 * x[1]»); }" },
        { "ENG0025", "[Kernel] public static void K(ArrayView<double> «x») { }" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_told_at_its_place_under_its_id(string id, string members)
    {
        (string source, string faulty) = Marked("using System;\ninternal static partial class Kernels\n{\n    " + members + "\n}\n");
        Diagnostic diagnostic = Assert.Single(InMemory.Compile(source).Diagnostics, d => d.Id.StartsWith("ENG", StringComparison.Ordinal));
        Assert.Equal(id, diagnostic.Id);
        Assert.Equal(faulty, source.Substring(diagnostic.Location.SourceSpan.Start, diagnostic.Location.SourceSpan.Length));
        Assert.Equal(3, diagnostic.Location.GetLineSpan().StartLinePosition.Line);
    }

    [Theory]
    [InlineData("internal static class Kernels")]
    [InlineData("internal partial class Kernels")]
    [InlineData("internal static partial class Kernels<T>")]
    public void A_kernel_class_is_static_partial_and_not_generic(string declaration)
    {
        InMemory.Result result = InMemory.Compile(declaration + " { [Kernel] public static void K(ArrayView<int> x) { } }");
        Assert.Equal("ENG0002", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void Two_kernels_of_one_name_are_refused()
    {
        const string kernel = " { internal static partial class Kernels { [Kernel] public static void K(ArrayView<int> x) { } } }";
        InMemory.Result result = InMemory.Compile("namespace A" + kernel + " namespace B" + kernel);
        Assert.Equal("ENG0022", Assert.Single(result.Diagnostics).Id);
    }

    [Fact]
    public void Where_CSharp_refuses_a_kernel_the_generator_stays_silent()
    {
        InMemory.Result result = InMemory.Compile(
            "internal static partial class Kernels { [Kernel] public static void K(ArrayView<int> x) { x[0] = missing; } }");
        Assert.Empty(result.Diagnostics);
    }

    [Fact]
    public void Every_diagnostic_is_documented_and_tested()
    {
        string documentation = File.ReadAllText(Path.Combine(InMemory.RepositoryRoot, "docs", "diagnostics.md"));
        string[] tested = ["ENG0002", "ENG0022", .. Faults.Select(row => (string)row[0])];
        Assert.All(InMemory.DiagnosticIds, id =>
        {
            Assert.Contains($"## {id}", documentation);
            Assert.Contains(id, tested);
        });
    }

    private static (string Source, string Faulty) Marked(string text)
    {
        int start = text.IndexOf('«');
        int end = text.IndexOf('»');
        return (text.Replace("«", string.Empty).Replace("»", string.Empty), text[(start + 1)..end]);
    }
}
