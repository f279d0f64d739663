using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat;

/// <summary>Recognises published chat templates by their normal form, whatever system message they put before a conversation that has none.</summary>
internal static partial class ChatTemplateRecognition
{
    /// <summary>Characters; published templates have a tenth of that.</summary>
    public const int LongestTemplate = 1 << 16;

    private const string Placeholder = "{default}";
    private const string ChatMl = @"{%for message in messages%}{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'}}{%endfor%}";
    private const string ChatMlWithSystem =
        @"{%for message in messages%}{%if loop['first']and messages[0]['role']!='system'%}{{'<|im_start|>system\n" + Placeholder
        + @"<|im_end|>\n'}}{%endif%}{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'}}{%endfor%}";

    private const string Llama3Turn = @"'<|start_header_id|>'+message['role']+'<|end_header_id|>\n\n'+message['content']|trim+'<|eot_id|>'";
    private const string Llama3 = "{%set loop_messages=messages%}{%for message in loop_messages%}{%set content=" + Llama3Turn
        + "%}{%if loop['index0']==0%}{%set content=bos_token+content%}{%endif%}{{content}}{%endfor%}";

    private const string Llama3Short = "{{bos_token}}{%for message in messages%}{{" + Llama3Turn + "}}{%endfor%}";

    /// <summary>SHA-256 of the normal form of Qwen2.5's template, which also lays out tools, its default system message replaced by <see cref="Placeholder"/>.</summary>
    private const string Qwen25Hash = "91A5CBA026FBBDB2BB2FFE75F802123FA0750959ED529E3F656A0F1312B35D90";

    /// <summary>The template of this text; null where it is none of those known.</summary>
    public static ChatTemplate? Find(string source)
    {
        if (source.Length > LongestTemplate || JinjaNormalForm.Of(source) is not string form)
        {
            return null;
        }

        form = Preamble().Replace(GenerationPrompt().Replace(form, ""), "");
        if (form == ChatMl)
        {
            return ChatTemplate.ChatMl;
        }

        if (form is Llama3 or Llama3Short)
        {
            return ChatTemplate.Llama3;
        }

        if (DefaultSystem().Match(form) is not { Success: true } match)
        {
            return null;
        }

        string escaped = match.Groups[1].Value;
        string general = form.Replace(escaped, Placeholder, StringComparison.Ordinal);
        return general == ChatMlWithSystem || Hash(general) == Qwen25Hash ? WithSystem(JinjaNormalForm.Unescape(escaped)) : null;
    }

    internal static string Hash(string form) => Convert.ToHexString(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(form)));

    private static ChatTemplate WithSystem(string system) => system switch
    {
        "You are a helpful assistant." => ChatTemplate.Qwen2,
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant." => ChatTemplate.Qwen25,
        _ => ChatTemplate.ChatMlWith("tokenizer", system),
    };

    /// <summary>What asks for an answer at the end; in training a conversation ends with one.</summary>
    [GeneratedRegex(@"(?:\{%if add_generation_prompt%\}\{\{'[^{}]*'\}\}\{%endif%\}|(?<=\{%endfor%\})\{\{'<\|start_header_id\|>assistant<\|end_header_id\|>\\n\\n'\}\})$")]
    private static partial Regex GenerationPrompt();

    [GeneratedRegex(@"^\{%if not add_generation_prompt is defined%\}\{%set add_generation_prompt=(?:true|false)%\}\{%endif%\}")]
    private static partial Regex Preamble();

    [GeneratedRegex(@"<\|im_start\|>system\\n((?:[^'\\<]|\\.)+)<\|im_end\|>\\n'")]
    private static partial Regex DefaultSystem();
}
