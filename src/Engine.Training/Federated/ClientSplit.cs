using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Training.Configuration;

namespace Engine.Training.Federated;

/// <summary>Which rows of the training data each client has: a function of the settings, the seed and the rows alone.</summary>
internal static class ClientSplit
{
    /// <summary>Draws of shares before giving up on one that leaves no client without a row.</summary>
    private const int MostDraws = 1000;

    /// <summary>Rows at random, in parts that differ by one row at most.</summary>
    /// <returns>[clients] Rows in ascending order.</returns>
    /// <exception cref="DataFileException">There are more clients than rows.</exception>
    public static int[][] ByRow(string source, int rows, int clients, ulong seed)
    {
        RequireEnough(source, rows, clients);
        int[] order = new PhiloxGenerator(seed, RandomStream.ClientRows, 0).Permutation(rows);
        return [.. Enumerable.Range(0, clients).Select(client => Sorted(order[Cut(client)..Cut(client + 1)]))];

        int Cut(int client) => (int)((long)client * rows / clients);
    }

    /// <summary>
    /// Each class dealt out by shares drawn from a symmetric Dirichlet distribution (Hsu, Qi, Brown 2019, arXiv 1909.06335); drawn again as
    /// long as a client has no row.
    /// </summary>
    /// <param name="classes">[rows] Class of each row, from 0.</param>
    /// <param name="concentration">Of the distribution: small leaves most clients few classes, large gives all alike.</param>
    /// <returns>[clients] Rows in ascending order.</returns>
    /// <exception cref="DataFileException">There are more clients than rows, or no draw gave each client one.</exception>
    public static int[][] ByLabel(string source, IReadOnlyList<int> classes, int clients, double concentration, ulong seed)
    {
        RequireEnough(source, classes.Count, clients);
        int[][] byClass =
        [
            .. Enumerable.Range(0, classes.Count).GroupBy(row => classes[row]).OrderBy(group => group.Key).Select((group, number) =>
            {
                int[] rows = [.. group];
                int[] order = new PhiloxGenerator(seed, RandomStream.ClientRows, (uint)number).Permutation(rows.Length);
                return (int[])[.. order.Select(i => rows[i])];
            }),
        ];
        for (int draw = 0; draw < MostDraws; draw++)
        {
            List<int>[] parts = [.. Enumerable.Range(0, clients).Select(_ => new List<int>())];
            for (int number = 0; number < byClass.Length; number++)
            {
                var generator = new PhiloxGenerator(seed, RandomStream.ClientShares, (uint)((draw * byClass.Length) + number));
                Deal(byClass[number], Dirichlet.Draw(generator, clients, concentration), parts);
            }

            if (parts.All(part => part.Count > 0))
            {
                return [.. parts.Select(part => Sorted([.. part]))];
            }
        }

        throw new DataFileException(
            source,
            FormattableString.Invariant(
                $"{MostDraws} draws of shares with concentration {concentration} left one of the {clients} clients ")
            + $"without a row of {classes.Count}; raise {Setting.Of("federated.concentration")}, or lower "
            + $"{Setting.Of("federated.clients")}.");
    }

    /// <summary>A client for each file, in the order of the files.</summary>
    /// <param name="files">[rows] The file each row is from.</param>
    /// <returns>[clients] Rows in ascending order.</returns>
    /// <exception cref="DataFileException">A file has no row left to train on.</exception>
    public static int[][] ByFile(IReadOnlyList<string> paths, IReadOnlyList<string> files)
    {
        ILookup<string, int> rows = Enumerable.Range(0, files.Count).ToLookup(row => files[row]);
        return
        [
            .. paths.Select(path => rows.Contains(path)
                ? rows[path].ToArray()
                : throw new DataFileException(
                    path, $"no row of it is left to train on ({Setting.Of("data.limit")}, {Setting.Of("data.validation_split")}), and each "
                        + "file is a client's.")),
        ];
    }

    private static void RequireEnough(string source, int rows, int clients)
    {
        if (clients > rows)
        {
            throw new DataFileException(
                source, $"{Setting.Of("federated.clients")} is {clients}, and there are {rows} rows to train on; each client needs one.");
        }
    }

    /// <summary>Cuts a class by shares that sum to 1, at the nearest rows.</summary>
    private static void Deal(int[] rows, double[] shares, List<int>[] parts)
    {
        double sum = 0;
        int first = 0;
        for (int client = 0; client < parts.Length; client++)
        {
            sum += shares[client];
            int end = client == parts.Length - 1 ? rows.Length : Math.Clamp((int)Math.Round(sum * rows.Length), first, rows.Length);
            parts[client].AddRange(rows[first..end]);
            first = end;
        }
    }

    private static int[] Sorted(int[] rows)
    {
        Array.Sort(rows);
        return rows;
    }
}
