// Justified rows: all entries of a row have one height, and each row but the last fills the width.

/** The number of columns in which an entry shows its images. */
const columns = ({ ratios }, width, height) => {
  const widest = Math.max(...ratios);
  return Math.min(ratios.length, Math.max(Math.min(2, ratios.length), Math.floor(width / (widest * height * 0.6))));
};

/** The shape of an entry with one or more images: its columns, lines and ratio. */
function shape(entry, width, height) {
  const lines = Math.ceil(entry.ratios.length / columns(entry, width, height));
  const perLine = Math.ceil(entry.ratios.length / lines);
  const sums = Array.from({ length: lines }, (_, line) => entry.ratios.slice(line * perLine, (line + 1) * perLine).reduce((sum, ratio) => sum + ratio, 0));
  return { columns: perLine, lines, ratio: Math.max(...sums) / lines };
}

/** The width and height of each entry, of which `ratios` is known. `height` is that of a row that is not full. */
export function justified(entries, { width, height, gap }) {
  const shapes = entries.map((entry) => shape(entry, width, height));
  const boxes = [];
  let row = [];
  const close = (isFull) => {
    const free = width - gap * (row.length - 1);
    const sum = row.reduce((total, { ratio }) => total + ratio, 0);
    const fitting = free / sum;
    const rowHeight = isFull ? Math.min(fitting, height * 1.6) : Math.min(fitting, height);
    // A row that would be too high is filled by wider frames.
    const stretch = isFull ? fitting / rowHeight : 1;
    for (const each of row) boxes.push({ ...each, width: Math.floor(each.ratio * rowHeight * stretch * 100) / 100, height: rowHeight });
    row = [];
  };
  for (const each of shapes) {
    if (each.lines > 1) { // a row of its own
      if (row.length) close(true);
      boxes.push({ ...each, width, height: width / each.ratio });
      continue;
    }
    const sum = row.reduce((total, { ratio }) => total + ratio, 0);
    const before = row.length ? (width - gap * (row.length - 1)) / sum : Infinity;
    const after = (width - gap * row.length) / (sum + each.ratio);
    if (row.length && after < height && before - height < height - after) close(true);
    row.push(each);
    if ((width - gap * (row.length - 1)) / row.reduce((total, { ratio }) => total + ratio, 0) <= height) close(true);
  }
  if (row.length) close(false);
  return boxes;
}
