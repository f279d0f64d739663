// The texts that the goldens are made of, the same at every run, and what a tokenizer makes of one.
let state = 20240607;
export const reseed = (seed) => {
  state = seed;
};
export const draw = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >>> 8) % n;
};
export const pick = (list) => list[draw(list.length)];

const pools = [
  [...'abcdefghijklmnopqrstuvwxyzABCDXYZ0123456789'],
  [...'  \t\n\r\u00a0\u2003\u3000\u0085'],
  [...".,;:!?'\"-_()[]{}<>@#%&*+=/\\|~^`$"],
  [...'éèüñçåÅßÆøÿžŐİıſẞΣσςЖжЩ'],
  [...'\u0300\u0301\u0302\u0308\u030a\u0323\u0327\u0331\u0344\u0f71\u0f72\u0f73\u0f75\u093c\u1dc0'],
  [...'\u1100\u1161\u11a8한글가각힣中文字漢カタ\u304b\u3099ﾊﾟ'],
  [...'😀👍🏽👩\u200d💻🇩🇪𝒳𝟘𠀀'],
  [...'ﬁ½²ⅷ℃Åǆ㍿…ａＢ３العربיתहिन्दीไทย'],
  [...'\u0000\u0007\u001f\u200b\u200d\ufeff\ufffd\u00ad'],
];
export const randomText = (length, letters) => Array.from({ length }, () => pick(letters ?? pools[pick([0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8])])).join('');
export const abc = (length) => Array.from({ length }, () => pick(['a', 'a', 'b', 'c'])).join('');

export const texts = [
  '', ' ', '  ', 'Hello world', ' Hello  world ', 'Héllo 😀 wörld e\u0301', 'naïve café', 'nai\u0308ve cafe\u0301', '\u1e9b\u0323', 'ﬁne ½ ²³', 'İstanbul IŞIK',
  'a\u0323\u0307b', 'a\u0307\u0323b', '\u0301x', 'x\u0344y', '한국어 각', '\u1100\u1161\u11a8', '中文字', 'a中b', '👩\u200d💻👍🏽', '\ttab\r\nline\n\n', '\u00a0x\u3000y\u2003',
  "don't I'LL we've", 'a\u0000b\u200dc', '日本語 テスト', 'ΑΣΣ ςΣ', 'x…y ㍿', '12345 ½ 6', '   leading', 'trailing   ', "''quoted''", '<s>text', 'a <s> b', '<s><s>', '</s>a', '[MASK]a', ' [MASK] a',
  ...Array.from({ length: 40 }, (_, i) => randomText(4 + i)),
];
export const runs = [];
for (const unit of ['a', 'A', ' ', '\n', '=', '!', '0', 'é', '😀', 'ab', 'aab', '한', '\t', 'the ', '▁']) {
  for (const count of [2, 3, 4, 5, 7, 8, 13, 16, 31, 64, 100, 200]) {
    runs.push(unit.repeat(count));
  }
}
for (let i = 0; i < 30; i++) {
  runs.push(pick(['x', '', ' ']) + pick(['a', 'o', 'l', '-', ' ', 'é']).repeat(2 + draw(199)) + pick(['', 'b', ' a', '\n']));
}

export async function encode(tokenizer, text) {
  const encoding = await tokenizer.encode(text);
  const units = [0];
  for (const point of text) {
    units.push(units[units.length - 1] + point.length);
  }
  return { text, ids: encoding.getIds(), offsets: encoding.getOffsets().flat().map((place) => units[place]) };
}
