// In the browser: reads off the values under the pointer, sorts and filters tables.
'use strict';

(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

  function bytes(value) {
    let unit = 0;
    for (; Math.abs(value) >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
    return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${UNITS[unit]}`;
  }

  function nearest(times, seconds) {
    let best = 0;
    times.forEach((time, at) => {
      if (Math.abs(time - seconds) < Math.abs(times[best] - seconds)) best = at;
    });
    return best;
  }

  function follow(figure) {
    const svg = figure.querySelector('svg');
    const readout = figure.querySelector('output');
    const { geometry, times, entries } = JSON.parse(figure.querySelector('script').textContent);
    const { width, left, plotWidth, top, plotHeight, seconds } = geometry;
    const cursor = document.createElementNS(SVG, 'line');
    cursor.setAttribute('class', 'cursor');
    cursor.setAttribute('y1', top);
    cursor.setAttribute('y2', top + plotHeight);

    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      const at = nearest(times, ((x - left) / plotWidth) * seconds);
      const position = left + (times[at] / seconds) * plotWidth;
      cursor.setAttribute('x1', position);
      cursor.setAttribute('x2', position);
      svg.append(cursor);
      const rows = entries.map(({ name, values }) => `${name}: ${bytes(values[at] ?? 0)}`);
      readout.textContent = [`${times[at].toFixed(1)} s`, ...rows].join('\n');
      readout.hidden = false;
      const isLeft = position > width / 2;
      readout.style.left = isLeft ? '' : `${((position + 12) / width) * 100}%`;
      readout.style.right = isLeft ? `${((width - position + 12) / width) * 100}%` : '';
    });
    svg.addEventListener('pointerleave', () => {
      cursor.remove();
      readout.hidden = true;
    });
  }

  const valueOf = (row, column) => {
    const { dataset, textContent } = row.cells[column];
    return dataset.value === undefined ? textContent : Number(dataset.value);
  };

  /** A button in each header sorts, numbers by the largest first; a field above lets only rows through that contain a text. */
  function sortAndFilter(table) {
    const [body] = table.tBodies;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const isDown =
          head.ariaSort === null
            ? typeof valueOf(body.rows[0], column) === 'number'
            : head.ariaSort === 'ascending';
        for (const other of heads) other.ariaSort = null;
        head.ariaSort = isDown ? 'descending' : 'ascending';
        const compare = (a, b) => {
          const [one, two] = [valueOf(a, column), valueOf(b, column)];
          return typeof one === 'number' ? one - two : one.localeCompare(two);
        };
        const rows = [...body.rows].sort((a, b) => (isDown ? compare(b, a) : compare(a, b)));
        body.append(...rows);
      });
    });
    const field = document.createElement('input');
    field.type = 'search';
    field.placeholder = 'Filter';
    field.ariaLabel = 'Filter';
    field.addEventListener('input', () => {
      const wanted = field.value.toLowerCase();
      for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    table.parentElement.before(field);
  }

  document.querySelectorAll('figure:has(svg)').forEach(follow);
  document
    .querySelectorAll('table.sortable')
    .forEach((table) => table.tBodies[0].rows.length > 0 && sortAndFilter(table));
})();
