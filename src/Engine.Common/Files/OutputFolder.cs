namespace Engine.Common.Files;

/// <summary>
/// A folder that a command writes. It is held against every other writer until it is disposed, and its manifest names what was written into
/// it: nothing else is written over, moved or removed. Files come in sets that are written apart and moved into place when they are whole
/// (<see cref="Replace"/>, <see cref="Adopt"/>); what a set replaces is whole until then, and a set whose move was cut off is moved to its
/// end by whoever opens the folder next.
/// </summary>
public sealed class OutputFolder : IDisposable
{
    private readonly OutputLock? held;
    private readonly IReadOnlyList<string> made;
    private readonly OutputManifest manifest;

    private OutputFolder(string path, OutputLock? held, IReadOnlyList<string> made)
    {
        FolderPath = path;
        this.held = held;
        this.made = made;
        manifest = OutputManifest.Read(path);
        Recover();
    }

    /// <summary>
    /// Called before each change that moving a set makes, so that a test can end the work there as a kill would; null otherwise.
    /// </summary>
    internal Action? BeforeChange { get; set; }

    /// <summary>The folder, as it was given.</summary>
    public string FolderPath { get; }

    /// <summary>
    /// Names of the files that were written here and are there still, relative to the folder, with slashes between folders and files.
    /// </summary>
    public IReadOnlyList<string> Files => [.. manifest.Files.Where(name => File.Exists(PathOf(name)))];

    /// <summary>What lies here and was not written here: names of files and folders, without those that hold both.</summary>
    public IReadOnlyList<string> Others =>
        [.. FolderTree.Files(FolderPath).Except(manifest.Files)
            .Where(name => name is not (OutputManifest.FileName or OutputLock.FileName))];

    /// <summary>Makes the folder where it is not there, takes it, and ends or removes what a crash left.</summary>
    /// <exception cref="OutputInUseException">Another process, or another writer of this one, holds it.</exception>
    /// <exception cref="IOException">It cannot be made or written to, or its manifest is none.</exception>
    public static OutputFolder Open(string path)
    {
        IReadOnlyList<string> made = FolderTree.Make(path);
        OutputLock? held = null;
        try
        {
            held = OutputLock.Take(path);
            return new OutputFolder(path, held, made);
        }
        catch
        {
            held?.Dispose();
            FolderTree.RemoveEmpty(made);
            throw;
        }
    }

    /// <summary>A folder inside with a manifest of its own, held as long as this one is.</summary>
    /// <exception cref="IOException">A link has the name.</exception>
    public OutputFolder Inner(string name)
    {
        string path = PathOf(name);
        RequireNoLink(name);
        Directory.CreateDirectory(path);
        return new OutputFolder(path, null, [path]);
    }

    /// <summary>Sees that files of these names may be written: they are not there, or were written here.</summary>
    /// <exception cref="IOException">One is somebody else's, or a link.</exception>
    public void RequireOwn(params IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            RequireNoLink(name);
            if (Path.Exists(PathOf(name)) && !(manifest.Files.Contains(name) && File.Exists(PathOf(name))))
            {
                throw new IOException(
                    $"{PathOf(name)} is there already, and it was not written by a command of this program into this folder. "
                        + "Choose another output, or move it away.");
            }
        }
    }

    /// <summary>Notes that files of these names are written from now on.</summary>
    /// <exception cref="IOException">One is somebody else's.</exception>
    public void Claim(params IEnumerable<string> names)
    {
        string[] claimed = [.. names];
        RequireOwn(claimed);
        if (!manifest.Files.IsSupersetOf(claimed))
        {
            manifest.Files.UnionWith(claimed);
            manifest.Write(FolderPath);
        }
    }

    /// <summary>
    /// Writes a set of files and puts it in the place of what was written under its names, folders as a whole. Files of others in such
    /// folders stay in them.
    /// </summary>
    /// <param name="write">Fills a folder with the set; where it fails, nothing has changed.</param>
    /// <exception cref="IOException">The set could not be written, or the name of one of its files is somebody else's.</exception>
    public void Replace(Action<string> write)
    {
        string name = NewName("partial");
        string path = PathOf(name);
        manifest.Temporary.Add(name);
        manifest.Write(FolderPath);
        try
        {
            Directory.CreateDirectory(path);
            write(path);
            string[] fresh = [.. FolderTree.Files(path)];
            string[] places = [.. fresh.Select(Top).Distinct()];
            Move(new PendingSet(name, NewName("replaced"), fresh, [.. Files.Where(file => places.Contains(Top(file)))]));
        }
        catch when (manifest.Pending is null && Directory.Exists(path))
        {
            // A full disk must not stay full of what nothing reads.
            Directory.Delete(path, recursive: true);
            throw;
        }
    }

    /// <summary>Puts everything that was written into an inner folder in the place of files that were written here.</summary>
    /// <param name="replaced">Some of <see cref="Files"/>.</param>
    public void Adopt(OutputFolder inner, IEnumerable<string> replaced) =>
        Move(new PendingSet(Path.GetFileName(inner.FolderPath), NewName("replaced"), inner.Files, [.. replaced]));

    /// <summary>Removes files that were written here, and the folders that are empty then.</summary>
    public void Remove(IEnumerable<string> files)
    {
        string[] removed = [.. manifest.Files.Intersect(files)];
        if (removed.Length > 0)
        {
            Move(new PendingSet(NewName("partial"), NewName("replaced"), [], removed));
        }
    }

    /// <summary>
    /// Gives files that were written here into the user's hands: no command of this program writes over them or removes them.
    /// </summary>
    public void Release(IEnumerable<string> files)
    {
        manifest.Files.ExceptWith(files);
        manifest.Write(FolderPath);
    }

    /// <summary>Forgets the names that nothing was written under: a file that is written there later is somebody else's.</summary>
    public void Settle()
    {
        if (manifest.Files.RemoveWhere(name => !File.Exists(PathOf(name))) > 0)
        {
            manifest.Write(FolderPath);
        }
    }

    /// <summary>Lets the folder go; one that was made for this, and an inner one, is removed where nothing is in it.</summary>
    public void Dispose()
    {
        if (manifest is { Files.Count: 0, Temporary.Count: 0, Pending: null })
        {
            File.Delete(PathOf(OutputManifest.FileName));
        }

        held?.Dispose();
        FolderTree.RemoveEmpty(made);
    }

    private static string Top(string name) => name.Split('/')[0];

    private static string NewName(string kind) => $"{kind}-{Guid.NewGuid():N}";

    private string PathOf(string name) => Path.Combine(FolderPath, name);

    private void RequireNoLink(string name)
    {
        if (FolderTree.FirstLink(FolderPath, name) is { } link)
        {
            throw new IOException($"{link} is a link, which would be replaced. Choose another output, or remove the link.");
        }
    }

    /// <summary>From the moment the manifest names the set, it takes its place whatever happens.</summary>
    private void Move(PendingSet set)
    {
        if (manifest.Pending is { } earlier)
        {
            Finish(earlier);
        }

        RequireOwn(set.Fresh);
        manifest.Pending = set;
        manifest.Files.UnionWith(set.Fresh);
        try
        {
            manifest.Write(FolderPath);
        }
        catch
        {
            manifest.Pending = null;
            throw;
        }

        Finish(set);
    }

    /// <summary>
    /// First what gives way is moved aside, while the set is whole where it was written; then the set is moved in, while the other is whole
    /// aside. Each move is one rename, and one that is made already is seen by what is left to be moved.
    /// </summary>
    private void Finish(PendingSet set)
    {
        string from = PathOf(set.From), aside = PathOf(set.Aside);
        string[] places = [.. set.Fresh.Select(Top).Distinct()];
        Directory.CreateDirectory(aside);
        foreach (string place in places.Where(place => Path.Exists(Path.Combine(from, place)) && Path.Exists(PathOf(place))))
        {
            KeepOthers(place, from, set);
            BeforeChange?.Invoke();
            FolderTree.Move(PathOf(place), Path.Combine(aside, place));
        }

        foreach (string file in set.Replaced.Where(file => !places.Contains(Top(file)) && File.Exists(PathOf(file))))
        {
            BeforeChange?.Invoke();
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(aside, file))!);
            File.Move(PathOf(file), Path.Combine(aside, file), overwrite: true);
            FolderTree.RemoveEmptyAbove(FolderPath, file);
        }

        foreach (string place in places.Where(place => Path.Exists(Path.Combine(from, place))))
        {
            BeforeChange?.Invoke();
            FolderTree.Move(Path.Combine(from, place), PathOf(place));
        }

        // An inner folder that was adopted is left with its manifest, and with what others put there.
        if (Directory.Exists(from) && !manifest.Temporary.Contains(set.From))
        {
            File.Delete(Path.Combine(from, OutputManifest.FileName));
            FolderTree.RemoveEmpty([from]);
        }

        BeforeChange?.Invoke();
        manifest.Files.ExceptWith(set.Replaced.Except(set.Fresh));
        manifest.Temporary.Add(set.Aside);
        manifest.Pending = null;
        manifest.Write(FolderPath);
        BeforeChange?.Invoke();
        RemoveTemporary();
    }

    /// <summary>Moves what others put into a folder over to the one that takes its place.</summary>
    private void KeepOthers(string place, string from, PendingSet set)
    {
        if (!Directory.Exists(PathOf(place)))
        {
            return;
        }

        foreach (string file in FolderTree.Files(PathOf(place)).Select(file => $"{place}/{file}").Except(set.Replaced).Except(set.Fresh))
        {
            BeforeChange?.Invoke();
            string kept = Path.Combine(from, file);
            Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
            FolderTree.Move(PathOf(file), kept);
        }
    }

    private void Recover()
    {
        if (manifest.Pending is { } set)
        {
            Finish(set);
        }

        RemoveTemporary();
        AtomicFile.RemoveLeftovers(FolderPath, name => manifest.Files.Contains(name) || name == OutputManifest.FileName);
    }

    private void RemoveTemporary()
    {
        foreach (string name in manifest.Temporary.Where(name => Directory.Exists(PathOf(name)) && !RealPath.IsLink(PathOf(name))))
        {
            Directory.Delete(PathOf(name), recursive: true);
        }

        manifest.Temporary.Clear();
    }
}
