// Writes unigram.jsonl and nmt_nfkc.charsmap.gz: what Hugging Face's tokenizers (its binding for Node, tokenizers 0.23.2) makes of texts with unigram models that SentencePiece 0.1.97 (Debian's
// package sentencepiece) trained on this repository's documents.
//   npm install tokenizers@0.23.2 && node make-unigram.mjs CHECKOUT
// The table of nmt_nfkc stands in a file of its own; in the lines its place is held by "nmt_nfkc".
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { encode, randomText, reseed, runs, texts } from './texts.mjs';

const { Tokenizer } = createRequire(path.join(process.cwd(), 'make.mjs'))('tokenizers');
const [checkout] = process.argv.slice(2);
const out = path.join(checkout, 'tests/Engine.Tokenizers.Tests/Goldens');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'unigram-'));

// What they are trained on: documents, and words of other scripts.
reseed(4242);
const documents = fs.readdirSync(path.join(checkout, 'docs')).filter((name) => name.endsWith('.md')).sort().map((name) => fs.readFileSync(path.join(checkout, 'docs', name), 'utf8'));
fs.writeFileSync(path.join(work, 'text.txt'), [...documents, ...Array.from({ length: 400 }, () => randomText(60).replaceAll(/[\u0000-\u001f]/g, ' '))].join('\n'));

// The fields of a message of Protocol Buffers: [number, bytes | number].
function* fields(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 2) {
      const length = varint();
      yield [tag >>> 3, bytes.subarray(at, at + length)];
      at += length;
    } else if (wire === 5) {
      yield [tag >>> 3, view.getFloat32(at, true)];
      at += 4;
    } else {
      yield [tag >>> 3, varint()];
    }
  }
}

// A trained model: its pieces with their scores, and the table of its normalizer.
function train(name, ...options) {
  execFileSync('spm_train', [`--input=${path.join(work, 'text.txt')}`, `--model_prefix=${path.join(work, name)}`, '--vocab_size=1200', '--model_type=unigram', '--num_threads=1', '--minloglevel=2', ...options]);
  const pieces = [];
  let charsmap = Buffer.alloc(0);
  for (const [number, value] of fields(fs.readFileSync(path.join(work, `${name}.model`)))) {
    if (number === 1) {
      const piece = Object.fromEntries(fields(value));
      pieces.push([Buffer.from(piece[1]).toString(), piece[2]]);
    } else if (number === 3) {
      charsmap = Object.fromEntries(fields(value))[2] ?? charsmap;
    }
  }
  return { pieces, charsmap };
}

const nfkc = train('nfkc', '--normalization_rule_name=nmt_nfkc');
const bytes = train('bytes', '--normalization_rule_name=identity', '--byte_fallback=true', '--character_coverage=0.99');
const table = Buffer.from(nfkc.charsmap);
fs.writeFileSync(`${out}/nmt_nfkc.charsmap.gz`, zlib.gzipSync(table, { level: 9 }));

const metaspace = (scheme) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true });
const precompiled = { type: 'Precompiled', precompiled_charsmap: 'nmt_nfkc' };
const blanks = { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' };
const words = nfkc.pieces.slice(3);
const template = (first, last, between) => {
  const special = (id) => ({ SpecialToken: { id, type_id: 0 } });
  const sequence = (id) => ({ Sequence: { id, type_id: 0 } });
  return {
    type: 'TemplateProcessing', single: [...first.map(([id]) => special(id)), sequence('A'), ...last.map(([id]) => special(id))],
    pair: [...first.map(([id]) => special(id)), sequence('A'), ...between.map(([id]) => special(id)), sequence('B'), ...last.map(([id]) => special(id))],
    special_tokens: Object.fromEntries([...first, ...last].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }])),
  };
};
const added = (vocab, contents) => contents.map((content) => ({
  id: vocab.findIndex(([token]) => token === content), content, single_word: false, lstrip: content === '<mask>', rstrip: false, normalized: false, special: true,
}));
const forms = [];
const add = (name, vocab, unknown, { fallback = false, ...parts }) => forms.push([name, {
  version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: metaspace('always'), post_processor: null, decoder: metaspace('always'),
  ...parts, model: { type: 'Unigram', unk_id: unknown, vocab, byte_fallback: fallback } }]);

// As Transformers' converters write XLM-RoBERTa, T5 and DeBERTa-v3.
const xlm = [['<s>', 0], ['<pad>', 0], ['</s>', 0], ['<unk>', 0], ...words, ['<mask>', 0]];
add('xlm-roberta', xlm, 3, {
  normalizer: precompiled, pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace('always')] },
  added_tokens: added(xlm, ['<s>', '<pad>', '</s>', '<unk>', '<mask>']), post_processor: template([['<s>', 0]], [['</s>', 2]], [['</s>', 2], ['</s>', 2]]) });
const t5 = [['<pad>', 0], ['</s>', 0], ['<unk>', 0], ...words, ['<extra_id_0>', 0]];
add('t5', t5, 2, {
  normalizer: { type: 'Sequence', normalizers: [precompiled, blanks] }, pre_tokenizer: metaspace('first'),
  added_tokens: added(t5, ['<pad>', '</s>', '<unk>', '<extra_id_0>']), post_processor: template([], [['</s>', 1]], [['</s>', 1]]) });
const deberta = [['[PAD]', 0], ['[CLS]', 0], ['[SEP]', 0], ['[UNK]', 0], ...words, ['[MASK]', 0]];
add('deberta-v3', deberta, 3, {
  normalizer: { type: 'Sequence', normalizers: [{ type: 'Strip', strip_left: true, strip_right: true }, precompiled, blanks] },
  added_tokens: added(deberta, ['[PAD]', '[CLS]', '[SEP]', '[UNK]', '[MASK]']), post_processor: template([['[CLS]', 1]], [['[SEP]', 2]], [['[SEP]', 2]]) });
add('byte fallback', bytes.pieces, 0, { fallback: true, normalizer: blanks });

// Few letters and scores that are often equal: which way is met first decides.
for (let seed = 1; seed <= 8; seed++) {
  reseed(seed * 104729);
  const vocab = [['<unk>', 0], ['▁', -2], ['a', -2], ['b', -2]];
  for (let i = 0; i < 14; i++) {
    const token = randomText(2 + (i % 4), ['a', 'b', 'b', 'a', '▁', 'c']);
    if (!vocab.some(([known]) => known === token)) {
      vocab.push([token, [-2, -3, -4, -4, -6][i % 5]]);
    }
  }
  if (seed > 4) {
    vocab.push(...Array.from({ length: 256 }, (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, -9]).filter((_, byte) => seed !== 8 || byte < 0xf0));
  }
  add(`ties ${seed}`, vocab, 0, { fallback: seed > 4 });
}

const lines = [];
for (const [name, json] of forms) {
  const file = path.join(work, 'tokenizer.json');
  fs.writeFileSync(file, JSON.stringify(json).replaceAll('"nmt_nfkc"', JSON.stringify(table.toString('base64'))));
  const tokenizer = Tokenizer.fromFile(file);
  reseed(90001 + lines.length);
  const own = name.startsWith('ties')
    ? Array.from({ length: 40 }, (_, i) => randomText(1 + i, ['a', 'a', 'b', 'b', 'c', ' ', '😀', 'é']))
    : [...texts, ...runs.filter((_, i) => i % 4 === 0), ...documents.map((text) => text.slice(2000, 2300)), ...Array.from({ length: 60 }, (_, i) => randomText(3 + i)),
      ...json.added_tokens.slice(0, 5).flatMap(({ content }) => [`${content}text`, `so ${content}`, `so ${content} it`, `${content}${content} é`])];
  const cases = [];
  for (const text of own) {
    const { ids, offsets } = await encode(tokenizer, text);
    cases.push({ text, ids, offsets, decoded: await tokenizer.decode(ids, true) });
  }
  lines.push(JSON.stringify({ name, tokenizer: json, cases }));
}
fs.writeFileSync(`${out}/unigram.jsonl`, lines.join('\n') + '\n');
