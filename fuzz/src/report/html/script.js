'use strict';
(() => {
  const story = JSON.parse(document.getElementById('story').textContent);
  const frames = story.frames;
  const $ = (id) => document.getElementById(id);

  /** An element with a class and text or children. Text is never read as markup. */
  function make(tag, className, content) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (typeof content === 'string') element.textContent = content;
    else if (content) element.append(...content);
    return element;
  }

  function table(titles, rows, className) {
    const head = make('thead', '', [make('tr', '', titles.map((title) => make('th', '', title)))]);
    const body = make('tbody', '', rows.map(({ cells, mark }) =>
      make('tr', mark ? 'differs' : '', cells.map((cell) => make('td', '', cell)))));
    return make('table', className, [head, body]);
  }

  // ---- what stays the same

  const violation = story.replay.violation;
  const broken = violation !== null;
  document.body.classList.add(broken ? 'is-broken' : 'is-clean');
  $('headline').textContent = story.headline;
  const preemptions = story.preemptions === null ? ''
    : ` · ${story.preemptions} preemption${story.preemptions === 1 ? '' : 's'}`;
  $('setting').textContent = story.setting + preemptions;

  $('lanes').append(make('th', 'number', ''));
  for (let lane = 0; lane < story.lanes; lane++) $('lanes').append(make('th', '', `CPU ${lane}`));

  const signs = { begin: '┌', end: '└', skip: '×', step: '', assert: '' };
  const rows = frames.map((frame, number) => {
    const row = make('tr', frame.blamed ? `kind-${frame.kind} blamed` : `kind-${frame.kind}`);
    if (frame.blamed) row.title = 'changes what the violation is about';
    row.id = `event-${number}`;
    row.append(make('td', 'number', String(number)));
    for (let lane = 0; lane < story.lanes; lane++) {
      const open = frame.open[lane] || 0;
      const cell = make('td', lane === frame.lane ? 'here' : open ? 'paused' : 'idle');
      if (frame.switch && frame.switch.lane === lane) {
        const why = make('span', frame.switch.preempted ? 'why preempted' : 'why', frame.switch.why);
        cell.append(why);
      }
      if (lane === frame.lane) {
        const depth = frame.kind === 'begin' ? open - 1 : open;
        cell.style.setProperty('--depth', String(Math.max(0, depth)));
        if (signs[frame.kind]) cell.append(make('span', 'sign', signs[frame.kind]));
        cell.append(make('span', 'text', frame.text));
        for (const d of frame.differences) cell.append(make('span', isSame(d) ? 'agrees' : 'differs', differenceText(d)));
      }
      row.append(cell);
    }
    row.addEventListener('click', () => show(number));
    $('events').append(row);
    return row;
  });
  if (broken) {
    const cell = make('td', 'here', `${story.headline}`);
    cell.colSpan = story.lanes;
    $('events').append(make('tr', 'verdict-row', [make('td', 'number', '⇒'), cell]));
  }

  const traceLines = story.trace.map(({ text, step }) => {
    const line = make('li', step === null ? '' : 'is-step', text);
    if (step !== null) {
      line.addEventListener('click', () => {
        const first = frames.findIndex((frame) => frame.step === step);
        if (first >= 0) show(first);
      });
    }
    $('trace').append(line);
    return { line, step };
  });

  function isSame(d) { return d.expected === d.found; }
  function differenceText(d) {
    return isSame(d) ? `${d.quantity} of ${d.object} agrees again: ${d.found}`
      : `${d.quantity} of ${d.object} is ${d.found}, the books say ${d.expected}`;
  }

  // ---- the verdict

  if (broken) {
    $('verdict-title').textContent = `${violation.invariant} violated`;
    const where = violation.step < story.replay.steps.length
      ? `step ${violation.step}: ${story.replay.steps[violation.step].operation}`
      : 'by the checks at the end';
    const entries = [
      ['rule', violation.rule], ['object', violation.object],
      ['expected', violation.because ? `${violation.expected} (${violation.because})` : violation.expected],
      ['found', violation.found], ['noticed', where], ['signature', violation.signature],
    ];
    for (const [name, text] of entries) $('violation').append(make('dt', '', name), make('dd', '', text));
    if (violation.provenance.length) {
      $('provenance').append(make('h3', '', 'Who changed it'));
      $('provenance').append(table(['step', 'operation', 'change'], violation.provenance.map((origin) => ({
        cells: [origin.operation === null ? 'end' : String(origin.step), origin.operation || '', origin.what],
      })), 'provenance'));
    }
  } else {
    $('verdict-title').textContent = story.headline;
  }
  if (story.waits.length) {
    $('waits').append(make('h3', '', 'Who waits at the end'));
    $('waits').append(make('ul', '', story.waits.map((line) => make('li', '', line))));
  }
  if (story.replay.sides.length) {
    $('sides').append(make('h3', '', 'Expected by model and stocks, found in the implementation'));
    $('sides').append(table(['object', 'quantity', 'expected', 'found'], story.replay.sides.map((side) => ({
      cells: [side.object, side.quantity, side.expected, side.found], mark: side.differs,
    })), 'sides'));
  }
  $('cached').append(make('h3', '', 'Cached at that moment'));
  $('cached').append(make('ul', '', (story.replay.cached.length ? story.replay.cached : ['nothing'])
    .map((line) => make('li', '', line))));
  $('replay').textContent = story.replay.replay;

  // ---- what changes

  /** What is known of the words after the frames up to `current`, by owner and name. */
  function knownAt(current) {
    const owners = new Map();
    frames.slice(0, current + 1).forEach((frame, number) => {
      for (const word of frame.words) {
        if (!owners.has(word.of)) owners.set(word.of, new Map());
        const before = owners.get(word.of).get(word.name);
        const since = word.read && before ? before.since : number;
        owners.get(word.of).set(word.name, { value: word.new, old: word.old, read: word.read, since });
      }
    });
    return owners;
  }

  function differencesAt(current) {
    const differing = new Map();
    for (const frame of frames.slice(0, current + 1)) {
      for (const d of frame.differences) {
        const key = JSON.stringify([d.object, d.quantity]);
        if (isSame(d)) differing.delete(key); else differing.set(key, d);
      }
    }
    return [...differing.values()];
  }

  let current = -1;

  function show(wanted) {
    if (!frames.length) return;
    const number = Math.min(Math.max(wanted, 0), frames.length - 1);
    if (number === current) return;
    if (current >= 0) {
      rows[current].classList.remove('current');
      rows[current].removeAttribute('aria-current');
    }
    current = number;
    const frame = frames[number];
    rows.forEach((row, n) => row.classList.toggle('future', n > number));
    rows[number].classList.add('current');
    rows[number].setAttribute('aria-current', 'step');
    keepInView(rows[number]);

    $('slider').value = String(number);
    $('position').textContent = `${number + 1} of ${frames.length}`;
    $('first').disabled = $('previous').disabled = number === 0;
    $('next').disabled = $('last').disabled = number === frames.length - 1;

    const step = frame.step === null ? null : story.replay.steps[frame.step];
    $('now-where').textContent = step
      ? `CPU ${frame.lane} · step ${frame.step}: ${step.operation}`
      : frame.kind === 'end' && number === frames.length - 1 ? 'after the last step' : `CPU ${frame.lane} · queued work`;
    $('now-what').textContent = frame.text;
    $('now-why').textContent = frame.switch ? `CPU ${frame.switch.lane}: ${frame.switch.why}` : '';
    $('now-why').hidden = !frame.switch;

    const differing = differencesAt(number);
    $('differences').classList.toggle('some', differing.length > 0);
    $('differing').replaceChildren(differing.length
      ? table(['object', 'quantity', 'books', 'found'], differing.map((d) => ({
        cells: [d.object, d.quantity, d.expected, d.found], mark: true,
      })), 'differing')
      : make('p', 'quiet', 'none'));

    const owners = knownAt(number);
    const groups = [...owners].map(([of, words]) => make('section', 'owner', [
      make('h3', '', of === '' ? 'the machine' : of),
      make('dl', '', [...words].flatMap(([name, word]) => {
        const fresh = frame.words.some((w) => w.of === of && w.name === name);
        const changed = fresh && !word.read && word.old !== word.value;
        const className = changed ? 'changed' : fresh ? 'read' : '';
        const value = make('dd', className, changed ? `${word.old} → ${word.value}` : word.value);
        return [make('dt', className, name), value];
      })),
    ]));
    $('words').replaceChildren(...(groups.length ? groups : [make('p', 'quiet', 'nothing has been touched yet')]));

    for (const { line, step: at } of traceLines) line.classList.toggle('current', at !== null && at === frame.step);
    history.replaceState(null, '', `#${number}`);
  }

  /** Scroll the timeline alone, not the page. */
  function keepInView(row) {
    const box = $('timeline');
    const head = $('lanes').getBoundingClientRect().height;
    const top = row.offsetTop - head;
    const bottom = row.offsetTop + row.offsetHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }

  function nextPreemption() {
    const at = (start) => frames.findIndex((frame, n) => n >= start && frame.switch && frame.switch.preempted);
    const found = at(current + 1) >= 0 ? at(current + 1) : at(0);
    if (found >= 0) show(found);
  }

  $('slider').max = String(Math.max(0, frames.length - 1));
  $('slider').addEventListener('input', (event) => show(Number(event.target.value)));
  const moves = {
    first: () => show(0), previous: () => show(current - 1),
    next: () => show(current + 1), last: () => show(frames.length - 1),
    preemption: nextPreemption,
  };
  for (const [id, move] of Object.entries(moves)) $(id).addEventListener('click', move);
  $('preemption').hidden = !story.preemptions;
  const keys = {
    ArrowLeft: moves.previous, ArrowRight: moves.next, ArrowUp: moves.previous, ArrowDown: moves.next,
    Home: moves.first, End: moves.last, p: moves.preemption,
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const move = keys[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  });
  const wanted = Number.parseInt(location.hash.slice(1), 10);
  if (frames.length) show(Number.isNaN(wanted) ? 0 : wanted);
  else $('controls').hidden = true;
})();
