// In the browser: enlarges frames of a profile, tells what they are, and goes from one to the other by keys.
'use strict';

(() => {
  const figure = document.querySelector('.flame');
  const output = figure.querySelector('output');
  const buttons = [...figure.querySelectorAll('button')];
  const [root] = buttons;
  const framed = (item) => item?.querySelector(':scope > button');
  const parentOf = (button) => framed(button.parentElement.parentElement.closest('li'));
  const isSeen = (button) => button !== undefined && button !== null && button.offsetWidth >= 1;

  /** `button` has the whole width, as have those above it. */
  function enlarge(button) {
    for (const item of figure.querySelectorAll('.on')) item.classList.remove('on');
    for (let each = button; each && each !== root; each = parentOf(each))
      each.parentElement.classList.add('on');
  }

  /** It is what the Tab key reaches. */
  function visit(button) {
    for (const each of buttons) each.tabIndex = each === button ? 0 : -1;
    button.focus();
  }

  function beside(button, step) {
    let item = button.parentElement;
    do item = item[step];
    while (item !== null && !isSeen(framed(item)));
    return framed(item);
  }

  const below = (button) => [...(button.nextElementSibling?.children ?? [])].map(framed).find(isSeen);
  const MOVES = {
    ArrowUp: parentOf,
    ArrowDown: below,
    ArrowLeft: (button) => beside(button, 'previousElementSibling'),
    ArrowRight: (button) => beside(button, 'nextElementSibling'),
    Home: () => root,
    Escape: (button) => (enlarge(root), button),
  };

  const tell = ({ target }) => {
    if (target.tagName === 'BUTTON') output.textContent = target.title;
  };
  for (const each of buttons) each.tabIndex = each === root ? 0 : -1;
  const frames = figure.querySelector('.frames');
  frames.addEventListener('mouseover', tell);
  frames.addEventListener('focusin', tell);
  frames.addEventListener('click', ({ target }) => {
    if (target.tagName !== 'BUTTON') return;
    enlarge(target);
    visit(target);
  });
  frames.addEventListener('keydown', (event) => {
    const to = MOVES[event.key]?.(event.target);
    if (!to) return;
    event.preventDefault();
    visit(to);
  });
})();
