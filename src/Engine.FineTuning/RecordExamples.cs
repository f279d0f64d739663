using Engine.Training.Data;

namespace Engine.FineTuning;

/// <summary>A text, or a pair of texts, with any number of classes.</summary>
/// <param name="Text">The text, or the first of a pair.</param>
/// <param name="Labels">The names of its classes, each once; none where it is of no class.</param>
public sealed record MultiLabelText(string Text, params IReadOnlyList<string> Labels) : TextExample(Text);

/// <summary>A text word by word, each word with its class, such as B-PER, I-PER and O for the names of persons.</summary>
/// <param name="Words">The words, at least one.</param>
/// <param name="Labels">Each word's class.</param>
public sealed record LabelledWords(IReadOnlyList<string> Words, IReadOnlyList<string> Labels);

/// <summary>A question with a context and the parts of it that answer the question.</summary>
/// <param name="Question">The question.</param>
/// <param name="Context">The text that the answer is a part of.</param>
/// <param name="Answers">The answers: the first is learned, and each counts as right in an evaluation. None where the context does not
/// answer the question, which <c>Data.Unanswerable</c> allows.</param>
public sealed record AnsweredQuestion(string Question, string Context, params IReadOnlyList<Answer> Answers)
{
    /// <summary>A question whose answer is where its words first stand in the context.</summary>
    /// <param name="question">The question.</param>
    /// <param name="context">The text that the answer is a part of.</param>
    /// <param name="answer">The answer's words; a training refuses words that are not in the context.</param>
    public AnsweredQuestion(string question, string context, string answer)
        : this(question, context, new Answer(answer, context.IndexOf(answer, StringComparison.Ordinal)))
    {
    }
}

/// <summary>A question with texts to choose from.</summary>
/// <param name="Question">The question, or the text that one of the choices goes on with.</param>
/// <param name="Choices">The texts, at least two; equally many in all examples of a set.</param>
/// <param name="RightChoice">The number of the right one, from 0.</param>
public sealed record ChoiceQuestion(string Question, IReadOnlyList<string> Choices, int RightChoice);
