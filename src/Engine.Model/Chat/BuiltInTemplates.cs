namespace Engine.Model.Chat;

/// <summary>Layouts for models whose folder has no template. The blocks <c>generation</c> mark what a model learns to say.</summary>
internal static class BuiltInTemplates
{
    /// <summary>ChatML, nothing added.</summary>
    public const string ChatMl =
        """
        {%- for message in messages -%}
            {{ '<|im_start|>' + message.role + '\n' }}
            {%- if message.role == 'assistant' -%}
                {% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}
            {%- else -%}
                {{ message.content + '<|im_end|>' }}
            {%- endif -%}
            {{ '\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif -%}
        """;

    /// <summary>Headers around roles, content without white space around.</summary>
    public const string Llama3 =
        """
        {{- '<|begin_of_text|>' -}}
        {%- for message in messages -%}
            {{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' }}
            {%- if message.role == 'assistant' -%}
                {% generation %}{{ message.content | trim + '<|eot_id|>' }}{% endgeneration %}
            {%- else -%}
                {{ message.content | trim + '<|eot_id|>' }}
            {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif -%}
        """;

    /// <summary>Lines that begin with the role; the end of text, which any tokenizer has, ends an answer.</summary>
    public const string Plain =
        """
        {%- for message in messages -%}
            {%- set content = (message.content or '') | trim -%}
            {%- set text = ' ' + content if content else '' -%}
            {{ message.role | capitalize + ':' }}
            {%- if message.role == 'assistant' -%}
                {% generation %}{{ text + eos_token }}{% endgeneration %}
            {%- else -%}
                {{ text }}
            {%- endif -%}
            {{ '\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif -%}
        """;

    /// <summary>ChatML, with a system message before conversations that have none.</summary>
    public static string ChatMlWith(string system) =>
        "{%- if not messages or messages[0].role != 'system' %}{{ '<|im_start|>system\\n"
            + system + "<|im_end|>\\n' }}{% endif -%}\n" + ChatMl;
}
