// Writes the goldens beside it: what Hugging Face's tokenizers (its binding for Node, tokenizers 0.23.2) makes of texts.
//   npm install tokenizers@0.23.2 && node make.mjs CHECKOUT SHARED
// Offsets are converted from code points to UTF-16 units; pairs of start and end follow one another.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { abc, draw, encode, pick, randomText, reseed, runs, texts } from './texts.mjs';

const { Tokenizer } = createRequire(path.join(process.cwd(), 'make.mjs'))('tokenizers');
const [checkout, shared] = process.argv.slice(2);
const out = path.join(checkout, 'tests/Engine.Tokenizers.Tests/Goldens');

// Published tokenizers.
const published = {
  'tiny-roberta': `${checkout}/models/tiny-roberta/tokenizer.json`,
  'roberta-base': `${shared}/data/roberta-base-tokenizer/tokenizer.codebert.json`,
  'all-MiniLM-L6-v2': `${shared}/data/models/all-MiniLM-L6-v2/tokenizer.json`,
  qwen2: `${shared}/goldens/tokenizers/qwen2/tokenizer.json`,
  'llama3-style': `${shared}/goldens/tokenizers/llama3-style/tokenizer.json`,
  'llama2-style': `${shared}/goldens/tokenizers/llama2-style/tokenizer.json`,
  'tinystory-llama': `${shared}/data/models/tinystory-llama/tokenizer.json`,
};
for (const [name, file] of Object.entries(published)) {
  const tokenizer = Tokenizer.fromFile(file);
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  const special = JSON.parse(fs.readFileSync(file, 'utf8')).added_tokens.map((token) => token.content);
  const around = special.slice(0, 6).flatMap((token) => ['', ' ', '  ', '\n'].flatMap((space) => [`${token}${space}text`, `so${space}${token}`, `so${space}${token}${space}it`, `${token}${token}${space}é`]));
  const lines = [];
  for (const text of [...texts, ...around, ...runs]) {
    lines.push(JSON.stringify(await encode(tokenizer, text)));
  }
  fs.writeFileSync(`${out}/${name}.jsonl`, lines.join('\n') + '\n');
}

// Small tokenizers of every component, a line each: the tokenizer.json and its cases.
const letters = [...new Set([...'abcdefghijklmnopqrstuvwxyzABCIS0123456789▁ .,!?\'"-éßσς中文字ıi\u0301\u0308\u0307'])];
const bpe = (extra = {}) => {
  const vocab = Object.fromEntries(['<unk>', ...letters].map((letter, id) => [letter, id]));
  const merges = [];
  for (const [left, right] of [['h', 'e'], ['l', 'l'], ['he', 'll'], ['hell', 'o'], ['▁', 'a'], ['▁', '▁'], ['a', 'b'], ['t', 'e'], ['x', 't'], ['te', 'xt'], ['e', '\u0301'], ['f', 'i'], ['i', '\u0307']]) {
    merges.push([left, right]);
    vocab[left + right] ??= Object.keys(vocab).length;
  }
  return { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges, ...extra };
};
const withBytes = () => {
  const model = bpe({ byte_fallback: true, fuse_unk: true });
  for (let byte = 0; byte < 256; byte++) {
    model.vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`] = Object.keys(model.vocab).length;
  }
  return model;
};
const wordPiece = () => {
  const vocab = {};
  for (const token of ['[UNK]', ...letters, ...letters.map((letter) => `##${letter}`), 'hello', 'text', '##ext', 'cafe', 'so']) {
    vocab[token] ??= Object.keys(vocab).length;
  }
  return { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 20, vocab };
};
const tied = (seed, ignore) => {
  // Merges over three letters, most of which overlap one another: which goes first decides what comes out.
  reseed(seed);
  const vocab = { a: 0, b: 1, c: 2 };
  const merges = [];
  while (merges.length < 14) {
    const left = pick(Object.keys(vocab));
    const right = pick(Object.keys(vocab));
    if (left.length + right.length <= 8 && !merges.some(([l, r]) => l === left && r === right)) {
      merges.push([left, right]);
      vocab[left + right] ??= Object.keys(vocab).length;
    }
  }
  if (ignore) {
    for (const whole of ['abcabc', 'aaaaaaaaaaa', 'cab', 'bbbbb']) {
      vocab[whole] ??= Object.keys(vocab).length;
    }
  }
  return { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: ignore, vocab, merges };
};
const replace = (pattern, content) => ({ type: 'Replace', pattern: { String: pattern }, content });
const sequence = (...normalizers) => ({ type: 'Sequence', normalizers });
const prepend = { type: 'Prepend', prepend: '▁' };
const bert = (clean, chinese, accents, lower) => ({ type: 'BertNormalizer', clean_text: clean, handle_chinese_chars: chinese, strip_accents: accents, lowercase: lower });
const metaspace = (scheme, split) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split });
const split = (pattern, behavior) => ({ type: 'Split', pattern: { String: pattern }, behavior, invert: false });
const digits = { type: 'Digits', individual_digits: true };
const normalizers = {
  nfc: { type: 'NFC' }, nfd: { type: 'NFD' }, nfkc: { type: 'NFKC' }, nfkd: { type: 'NFKD' }, lower: { type: 'Lowercase' }, strip: { type: 'Strip', strip_left: true, strip_right: true },
  'strip-left': { type: 'Strip', strip_left: true, strip_right: false }, bert: bert(true, true, null, true), 'bert-cased': bert(true, true, false, false), 'bert-accents': bert(false, false, true, false),
  llama: sequence(prepend, replace(' ', '▁')), quotes: replace("''", '"'), longer: replace('e', 'hello'), gone: replace('l', ''), 'nfkc-lower-nfd': sequence({ type: 'NFKC' }, { type: 'Lowercase' }, { type: 'NFD' }),
  'nfd-nfc': sequence({ type: 'NFD' }, { type: 'NFC' }), 'lower-bert-llama': sequence({ type: 'Lowercase' }, bert(true, true, true, true), prepend, replace(' ', '▁')),
};
const preTokenizers = {
  bert: { type: 'BertPreTokenizer' }, always: metaspace('always', true), first: metaspace('first', true), never: metaspace('never', false), whole: metaspace('first', false), digits,
  isolated: split('-', 'Isolated'), removed: split(' ', 'Removed'), previous: split(' ', 'MergedWithPrevious'), next: split(' ', 'MergedWithNext'),
  sequence: { type: 'Sequence', pretokenizers: [{ type: 'BertPreTokenizer' }, digits] },
};
const bytes = (prefix, trims, post) => {
  const tiny = JSON.parse(fs.readFileSync(published['tiny-roberta'], 'utf8'));
  const alphabet = Object.entries(tiny.model.vocab).filter(([token]) => token.length === 1);
  const vocab = Object.fromEntries(alphabet.map(([token], id) => [token, id]));
  const merges = [];
  for (const [left, right] of [['h', 'e'], ['l', 'l'], ['he', 'll'], ['hell', 'o'], ['Ġ', 'hello'], ['Ġ', 'Ġ'], ['Ã', '©'], ['ð', 'Ł'], ['Ġ', 't'], ['Ġt', 'e'], ['ĠĠ', 'ĠĠ']]) {
    merges.push([left, right]);
    vocab[left + right] ??= Object.keys(vocab).length;
  }
  return {
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges },
    post_processor: post === 'none' ? null : { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: trims, use_regex: true },
  };
};
const added = (base, flags) => ['<x>', '<y>', 'Day'].map((content, i) => ({
  id: base + i, content, single_word: flags.single ?? false, lstrip: flags.l ?? false, rstrip: flags.r ?? false, normalized: flags.normalized ?? false, special: content !== 'Day',
}));

const components = [];
const add = (name, parts) => components.push([name, {
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts }]);
for (const [name, normalizer] of Object.entries(normalizers)) {
  add(`normalizer ${name}`, { normalizer, model: bpe() });
  add(`normalizer ${name}, bytes`, { normalizer, model: withBytes(), pre_tokenizer: metaspace('first', false) });
}
for (const [name, pre_tokenizer] of Object.entries(preTokenizers)) {
  add(`pre-tokenizer ${name}`, { pre_tokenizer, model: bpe({ fuse_unk: true }) });
  add(`pre-tokenizer ${name}, normalized`, { pre_tokenizer, normalizer: normalizers['nfkc-lower-nfd'], model: bpe() });
}
for (const name of ['bert', 'bert-cased', 'nfd', 'nfkc-lower-nfd']) {
  add(`word pieces ${name}`, { normalizer: normalizers[name], pre_tokenizer: preTokenizers.bert, model: wordPiece() });
}
for (const [prefix, trims, post] of [[false, true], [true, true], [true, false], [false, false], [true, true, 'none']]) {
  add(`byte level ${prefix} ${trims} ${post ?? ''}`, bytes(prefix, trims, post));
}
for (const flags of [{}, { l: true }, { r: true }, { l: true, r: true }, { single: true }, { normalized: true }, { normalized: true, l: true, r: true }]) {
  const shown = JSON.stringify(flags);
  const model = bpe();
  add(`added ${shown}`, { added_tokens: added(Object.keys(model.vocab).length, flags), normalizer: normalizers.llama, model });
  add(`added ${shown}, first`, { added_tokens: added(Object.keys(model.vocab).length, flags), normalizer: normalizers.lower, pre_tokenizer: preTokenizers.first, model });
  const parts = bytes(true, true);
  add(`added ${shown}, bytes`, { ...parts, added_tokens: added(Object.keys(parts.model.vocab).length, flags) });
}
for (let seed = 1; seed <= 12; seed++) {
  add(`ties ${seed}`, { model: tied(seed * 7919, false) });
  add(`ties ${seed}, ignored merges`, { model: tied(seed * 7919, true) });
}

const lines = [];
for (const [name, json] of components) {
  const file = path.join(os.tmpdir(), 'component.json');
  fs.writeFileSync(file, JSON.stringify(json));
  const tokenizer = Tokenizer.fromFile(file);
  reseed(4711 + lines.length);
  const own = name.startsWith('ties')
    ? ['abcabc', 'aaaaaaaaaaa', 'cab', 'bbbbb', 'a', ...[2, 3, 4, 5, 6, 7, 9, 12, 17, 33, 64, 200].flatMap((count) => ['a'.repeat(count), 'ab'.repeat(count / 2), 'aab'.repeat(count / 3)]).filter((text) => text),
      ...Array.from({ length: 12 }, (_, i) => abc(5 + (i * 9)))]
    : [...texts.slice(0, 37).filter((_, i) => i % 2 === lines.length % 2), 'hello  hello', 'te xt-12 3', ...Array.from({ length: 6 }, (_, i) => randomText(6 + (3 * i))),
      ...(name.startsWith('added') ? ['<x>hello', ' <x> hello', 'hello<x><y>  hello', 'a <x>', 'Day days aDay Day', 'day<x>', '  <y>  ', '<x>', '<x> é', 'hello  <x>\n<y>te'] : [])];
  const cases = [];
  for (const text of own) {
    cases.push(await encode(tokenizer, text));
  }
  lines.push(JSON.stringify({ name, tokenizer: json, cases }));
}
fs.writeFileSync(`${out}/components.jsonl`, lines.join('\n') + '\n');
