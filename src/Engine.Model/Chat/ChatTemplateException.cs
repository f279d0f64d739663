using Engine.Model.Chat.Jinja;

namespace Engine.Model.Chat;

/// <summary>
/// A chat template that does not lay a conversation out: it refuses it, or fails. The message says at which of the template's lines.
/// </summary>
public sealed class ChatTemplateException(string message, JinjaException? innerException = null)
    : ArgumentException(message, innerException);
