namespace Engine.Model.Chat;

/// <summary>A part of what a model reads: ordinary text, or one special token.</summary>
/// <param name="Text">The text, or the special token's.</param>
/// <param name="SpecialId">The special token; null for ordinary text, in which the same characters are only characters.</param>
/// <param name="IsAnswer">What the model is to say itself.</param>
/// <param name="IsUnlearned">An answer that training never asks for, not where it asks for everything else either.</param>
internal readonly record struct TextPart(string Text, int? SpecialId = null, bool IsAnswer = false, bool IsUnlearned = false);
