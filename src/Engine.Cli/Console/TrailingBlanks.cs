using Engine.Cli.Tables;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Cli.Console;

/// <summary>Takes the blanks off the ends of lines of tables, which pad their last column: a file or a pipe has no use for them.</summary>
internal sealed class TrailingBlanks : IRenderHook
{
    public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) =>
        renderables.Select(renderable => renderable is Grid or Table or FittingTable ? new Trimmed(renderable) : renderable);

    private sealed class Trimmed(IRenderable inner) : Renderable
    {
        protected override Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            List<Segment> blanks = [];
            foreach (Segment segment in inner.Render(options, maxWidth))
            {
                string text = segment.Text.TrimEnd(' ');
                if (segment.IsLineBreak)
                {
                    blanks.Clear();
                }
                else if (text.Length == 0)
                {
                    blanks.Add(segment);
                    continue;
                }

                foreach (Segment blank in blanks)
                {
                    yield return blank;
                }

                blanks.Clear();
                if (segment.IsLineBreak)
                {
                    yield return segment;
                    continue;
                }

                yield return new Segment(text, segment.Style);
                if (text.Length < segment.Text.Length)
                {
                    blanks.Add(new Segment(segment.Text[text.Length..], segment.Style));
                }
            }
        }
    }
}
