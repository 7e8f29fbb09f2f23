// COCO compressed run lengths: {size: [height, width], counts}. Runs go down the columns, beginning unmarked.
// Bits are bytes in that same order: the pixel (x, y) is bits[x * height + y].
export function encode(bits, width, height) {
  const runs = [];
  let value = 0;
  let begin = 0;
  for (let i = 0; i < bits.length; i++) {
    if (bits[i] === value) continue;
    runs.push(i - begin);
    [begin, value] = [i, bits[i]];
  }
  runs.push(bits.length - begin);
  return { size: [height, width], counts: toText(runs) };
}

export function decode({ size: [height, width], counts }) {
  const bits = new Uint8Array(width * height);
  let at = 0;
  fromText(counts).forEach((run, i) => {
    if (i % 2) bits.fill(1, at, at + run);
    at += run;
  });
  return bits;
}

function toText(runs) {
  const codes = [];
  runs.forEach((run, i) => {
    let rest = i > 2 ? run - runs[i - 2] : run;
    for (let more = true; more;) {
      const group = rest & 31;
      rest >>= 5;
      more = group & 16 ? rest !== -1 : rest !== 0;
      codes.push(String.fromCharCode(group + (more ? 32 : 0) + 48));
    }
  });
  return codes.join("");
}

function fromText(text) {
  const runs = [];
  for (let at = 0; at < text.length;) {
    let [run, shift, code] = [0, 0, 0];
    do {
      code = text.charCodeAt(at++) - 48;
      run |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) run |= -1 << shift;
    runs.push(runs.length > 2 ? run + runs[runs.length - 2] : run);
  }
  return runs;
}
