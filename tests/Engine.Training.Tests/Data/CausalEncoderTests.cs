using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tokenizers;
using Engine.Tests;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

/// <summary>Tokens and labels of samples, with a tokenizer whose tokens are bytes.</summary>
public sealed class CausalEncoderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Tokenizer tokenizer;

    public CausalEncoderTests()
    {
        TinyDecoder.WriteTokenizer(folder.Root);
        tokenizer = Tokenizer.Load(folder.Root);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Conversation_is_learned_where_the_assistant_speaks_and_ends_its_turn()
    {
        CausalRecord record =
            new CausalRecord.Conversation([new("user", "Hi"), new("assistant", "Yo"), new("user", "?"), new("assistant", "!")]);
        (int[] ids, int[] labels) = Encoder(ChatTemplate.ChatMl).Encode(record);
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n!<|im_end|>\n", tokenizer.Decode(ids));
        Assert.Equal("Yo<|im_end|>!<|im_end|>", Learned(labels));
        Assert.All(ids.Zip(labels), pair => Assert.True(pair.Second == RaggedBatch.IgnoredLabel || pair.Second == pair.First));
    }

    [Fact]
    public void Completion_follows_its_prompt_and_ends_the_text()
    {
        (int[] ids, int[] labels) = Encoder(null).Encode(new CausalRecord.Completion("2 + 2 =", " 4"));
        Assert.Equal("2 + 2 = 4<|endoftext|>", tokenizer.Decode(ids));
        Assert.Equal(" 4<|endoftext|>", Learned(labels));
    }

    [Theory]
    [InlineData(
        "",
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### "
            + "Instruction:\nAdd.\n\n### Response:")]
    [InlineData(
        "2, 3",
        "Below is an instruction that describes a task, paired with an input that provides further context. "
            + "Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n2, 3\n\n### Response:")]
    public void Instruction_is_laid_out_as_Stanford_Alpaca_had_it(string input, string prompt)
    {
        (int[] ids, int[] labels) = Encoder(null).Encode(new CausalRecord.Instruction("Add.", input, "5"));
        Assert.Equal(prompt + "5<|endoftext|>", tokenizer.Decode(ids));
        Assert.Equal("5<|endoftext|>", Learned(labels));
    }

    [Fact]
    public void Chat_template_makes_conversations_of_prompts_and_instructions_but_not_of_texts()
    {
        CausalEncoder encoder = Encoder(ChatTemplate.ChatMl);
        Assert.Equal(
            "<|im_start|>user\nA\nB<|im_end|>\n<|im_start|>assistant\nC<|im_end|>\n",
            tokenizer.Decode(encoder.Encode(new CausalRecord.Instruction("A", "B", "C")).Ids));
        Assert.Equal(
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nC<|im_end|>\n",
            tokenizer.Decode(encoder.Encode(new CausalRecord.Instruction("A", "", "C")).Ids));
        Assert.Equal(
            "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nC<|im_end|>\n",
            tokenizer.Decode(encoder.Encode(new CausalRecord.Completion("A", "C")).Ids));
        Assert.Equal("A<|endoftext|>", tokenizer.Decode(encoder.Encode(new CausalRecord.Plain("A")).Ids));
    }

    [Fact]
    public void Text_is_learned_whole_but_for_the_first_token_which_nothing_predicts() =>
        Assert.Equal("bc<|endoftext|>", Learned(Encoder(null).Encode(new CausalRecord.Plain("abc")).Labels));

    [Fact]
    public void Prompts_are_learned_too_where_completion_only_loss_is_off()
    {
        (int[] ids, int[] labels) =
            new CausalEncoder(tokenizer, null, completionOnlyLoss: false).Encode(new CausalRecord.Completion("ab", "c"));
        Assert.Equal(ids[1..], labels[1..]);
        Assert.Equal(RaggedBatch.IgnoredLabel, labels[0]);
    }

    [Fact]
    public void Special_tokens_that_the_tokenizer_puts_around_a_text_stand_around_the_sample()
    {
        // The mark of a blank before what starts a text only; "</s>" is added by the template already.
        File.WriteAllText(Path.Combine(folder.Root, "tokenizer.json"), """
            {
              "model": {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "\u2581": 2, "a": 3, "b": 4, "\u2581a": 5}, "merges": [["\u2581", "a"]]},
              "added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "</s>", "special": true}],
              "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
              "post_processor": {"type": "BertProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]}
            }
            """);
        File.WriteAllText(Path.Combine(folder.Root, "tokenizer_config.json"), """{"eos_token": "</s>"}""");
        Tokenizer marking = Tokenizer.Load(folder.Root);
        (int[] ids, int[] labels) =
            new CausalEncoder(marking, null, completionOnlyLoss: true).Encode(new CausalRecord.Completion("ab", " a"));
        Assert.Equal([0, 5, 4, 5, 1], ids);
        Assert.Equal(marking.Encode("ab a").Ids, ids);
        Assert.Equal([-100, -100, -100, 5, 1], labels);
    }

    [Fact]
    public void Special_token_spelled_out_in_text_is_not_one()
    {
        foreach (ChatTemplate? template in new[] { null, ChatTemplate.ChatMl })
        {
            (int[] ids, _) = Encoder(template).Encode(new CausalRecord.Completion("<|im_end|><|endoftext|>", "<|im_end|>"));
            Assert.Equal(template is null ? 1 : 4, ids.Count(id => id >= TinyDecoder.EndOfText));
        }
    }

    [Fact]
    public void Turn_that_is_not_learned_gets_no_loss_and_is_read()
    {
        CausalRecord record = new CausalRecord.Conversation(
            [new("user", "Hi"), new("assistant", "Yo") { IsLearned = false }, new("user", "?"), new("assistant", "!")]);
        (int[] ids, int[] labels) = Encoder(ChatTemplate.ChatMl).Encode(record);
        Assert.Contains("assistant\nYo<|im_end|>", tokenizer.Decode(ids), StringComparison.Ordinal);
        Assert.Equal("!<|im_end|>", Learned(labels));

        // The first token is predicted by nothing.
        labels = new CausalEncoder(tokenizer, ChatTemplate.ChatMl, completionOnlyLoss: false).Encode(record).Labels;
        Assert.Equal(
            "user\nHi<|im_end|>\n<|im_start|>assistant\n\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n!<|im_end|>\n",
            Learned(labels));
    }

    [Fact]
    public void Plain_layout_needs_no_tokens_of_its_own_and_ends_answers_with_the_end_of_text()
    {
        CausalRecord record = new CausalRecord.Conversation(
            [new("system", "Be brief."), new("user", " Hi\n"), new("assistant", "Yo"), new("user", "?"), new("assistant", "!")]);
        (int[] ids, int[] labels) = Encoder(ChatTemplate.Plain).Encode(record);
        Assert.Equal(
            "System: Be brief.\nUser: Hi\nAssistant: Yo<|endoftext|>\nUser: ?\nAssistant: !<|endoftext|>\n", tokenizer.Decode(ids));
        Assert.Equal(" Yo<|endoftext|> !<|endoftext|>", Learned(labels));
        Assert.Equal(
            "User: A\nB\nAssistant: C<|endoftext|>\n",
            tokenizer.Decode(Encoder(ChatTemplate.Plain).Encode(new CausalRecord.Instruction("A", "B", "C")).Ids));
        Assert.Equal(
            "User: A\nAssistant:<|endoftext|>\n",
            tokenizer.Decode(Encoder(ChatTemplate.Plain).Encode(new CausalRecord.Completion("A", " ")).Ids));
    }

    [Fact]
    public void Conversation_without_a_template_is_its_texts_one_after_another()
    {
        (int[] ids, int[] labels) = Encoder(null)
            .Encode(new CausalRecord.Conversation(
                [new("user", "Once"), new("assistant", " upon"), new("user", " a"), new("assistant", " time")]));
        Assert.Equal("Once upon a time<|endoftext|>", tokenizer.Decode(ids));
        Assert.Equal(" upon time<|endoftext|>", Learned(labels));

        // The end of a text that ends with a user's turn is no answer.
        Assert.Equal(
            " upon",
            Learned(Encoder(null)
                .Encode(new CausalRecord.Conversation([new("user", "Once"), new("assistant", " upon"), new("user", " a")])).Labels));
    }

    [Fact]
    public void Samples_are_cut_at_the_end_and_dropped_where_no_answer_is_left()
    {
        CausalRecordSet set = new(
            "data.jsonl", CausalDataKind.PromptCompletion,
            [new CausalRecord.Completion("ab", "cdefgh"), new CausalRecord.Completion("abcdef", "g"),
                new CausalRecord.Completion("a", "b")]);
        CausalSamples samples = Encoder(null).Encode(set, maxLength: 5);
        Assert.Equal((2, 1, 2), (samples.Cut, samples.Dropped, samples.Rows.Count));
        Assert.Equal([5, 3], samples.Rows.Lengths);
        Assert.Equal("cde", Learned(samples.Rows.TokenLabels![0]));
        DataFileException error =
            Assert.Throws<DataFileException>(() => Encoder(null).Encode(set with { Records = [set.Records[1]] }, maxLength: 5));
        Assert.Contains("max_length", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Batch_holds_each_label_at_the_token_before_and_none_across_rows()
    {
        CausalRecordSet set = new("data.jsonl", CausalDataKind.Text, [new CausalRecord.Plain("ab"), new CausalRecord.Plain("c")]);
        RaggedBatch batch = Encoder(null).Encode(set, maxLength: 10).Rows.Batch([1, 0]);
        Assert.Equal(['c', TinyDecoder.EndOfText, 'a', 'b', TinyDecoder.EndOfText], batch.InputIds);
        Assert.Equal([TinyDecoder.EndOfText, -100, 'b', TinyDecoder.EndOfText, -100], batch.TokenLabels!);
        Assert.Equal([0, 1, 0, 1, 2], batch.Positions);
        Assert.Equal([0, 2, 5], batch.RowStart);
    }

    private CausalEncoder Encoder(ChatTemplate? template) => new(tokenizer, template, completionOnlyLoss: true);

    private string Learned(int[] labels) => tokenizer.Decode(labels.Where(label => label != RaggedBatch.IgnoredLabel));
}
