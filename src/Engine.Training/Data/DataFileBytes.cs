using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>Opens data files; what the system says against it is an error about the file.</summary>
internal static class DataFileBytes
{
    /// <summary>The bytes as they lie there.</summary>
    /// <exception cref="DataFileException">There is no such file, or it may not be read.</exception>
    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFileException(path, "the file does not exist.", error);
        }
        catch (UnauthorizedAccessException error)
        {
            bool isFolder = Directory.Exists(path);
            throw new DataFileException(
                path, isFolder ? "this is a folder; a file was expected." : "the file may not be read by this user.", error);
        }
    }

    /// <summary>The bytes of a text: what is inside the file where its name ends with <c>.gz</c>.</summary>
    /// <exception cref="DataFileException">As for <see cref="Open"/>; of a compressed file that is damaged, when the place is
    /// reached.</exception>
    public static Stream OpenText(string path) => GzipFile.IsNamed(path) ? new GzipFile(path, Open(path)) : Open(path);
}
