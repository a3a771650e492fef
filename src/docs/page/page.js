// Search, copy buttons, the choice of an example, and the current section. The page can be read without them.

/* The samples call the server that serves the page. */
const base = document.querySelector('#base');
const server = new URL(base.dataset.server, location).href.replace(/\/$/, '');
for (const each of document.querySelectorAll('[data-base]')) each.textContent = server;

/* The language is the same for all operations, the example is chosen for each. */
for (const samples of document.querySelectorAll('.samples')) {
  const examples = samples.querySelector('select');
  const show = () => {
    for (const figure of samples.querySelectorAll('figure'))
      figure.hidden = examples !== null && figure.dataset.example !== examples.value;
  };
  samples.classList.add('scripted');
  samples.addEventListener('change', ({ target }) => {
    if (target === examples) return show();
    for (const radio of document.querySelectorAll(`input[value='${target.value}']`)) radio.checked = true;
  });
  if (examples) examples.hidden = false;
  show();
}

/* Copies what the card shows. Browsers have no clipboard for pages on plain http, except for those of the same machine. */
for (const top of navigator.clipboard ? document.querySelectorAll('.sticky .top') : []) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  const showCopied = () => {
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  };
  button.addEventListener('click', () => {
    const shown = [...top.parentElement.querySelectorAll('pre')].find((pre) => pre.checkVisibility());
    void navigator.clipboard.writeText(shown.textContent).then(showCopied);
  });
  top.insertBefore(button, top.querySelector('.try'));
}

/* Search */
const search = document.querySelector('search');
const input = search.querySelector('input');
const results = search.querySelector('ul');
const entries = [...document.querySelectorAll('[data-find]')].map((element) => ({
  id: element.id,
  name: element.dataset.name ?? element.querySelector('h2, h3, h4').textContent,
  kind: element.dataset.find,
  text: element.textContent.toLowerCase(),
}));
let selected = 0;
search.hidden = false;

function find(words) {
  const rank = ({ name, text }) => {
    const lower = name.toLowerCase();
    if (lower === words) return 0;
    if (lower.startsWith(words)) return 1;
    if (lower.includes(words)) return 2;
    return text.includes(words) ? 3 : 4;
  };
  return entries
    .map((entry) => ({ ...entry, rank: rank(entry) }))
    .filter((entry) => entry.rank < 4)
    .sort((one, other) => one.rank - other.rank)
    .slice(0, 12);
}

function showResults() {
  const words = input.value.trim().toLowerCase();
  const found = words === '' ? [] : find(words);
  results.replaceChildren(
    ...found.map(({ id, name, kind }, index) => {
      const item = document.createElement('li');
      item.role = 'option';
      item.id = `result-${index}`;
      item.dataset.target = id;
      const label = document.createElement('span');
      label.textContent = kind;
      item.append(name, label);
      return item;
    }),
  );
  results.hidden = found.length === 0;
  input.ariaExpanded = String(found.length > 0);
  select(0);
}

function select(index) {
  const items = [...results.children];
  selected = (index + items.length) % items.length || 0;
  for (const [each, item] of items.entries()) item.ariaSelected = String(each === selected);
  if (items.length > 0) input.setAttribute('aria-activedescendant', `result-${selected}`);
  else input.removeAttribute('aria-activedescendant');
  items[selected]?.scrollIntoView({ block: 'nearest' });
}

function go(item) {
  if (!item) return;
  input.value = '';
  showResults();
  location.hash = item.dataset.target;
  input.blur();
}

input.addEventListener('input', showResults);
input.addEventListener('focus', showResults);
input.addEventListener('blur', () => {
  results.hidden = true;
  input.ariaExpanded = 'false';
});
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') select(selected + 1);
  else if (event.key === 'ArrowUp') select(selected - 1);
  else if (event.key === 'Enter') go(results.children[selected]);
  else if (event.key === 'Escape') input.blur();
  else return;
  event.preventDefault();
});
// Before the input loses the focus.
results.addEventListener('mousedown', (event) => {
  event.preventDefault();
  go(event.target.closest('li'));
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, select, textarea')) return;
  event.preventDefault();
  input.focus();
});

/* Contents */
const contents = document.querySelector('#contents');
contents.addEventListener('click', ({ target }) => {
  if (target.closest('a') && contents.matches(':popover-open')) contents.hidePopover();
});
const links = new Map([...contents.querySelectorAll('a')].map((link) => [link.hash.slice(1), link]));
const sections = [...links.keys()].map((id) => document.getElementById(id));
const observer = new IntersectionObserver(
  () => {
    const current = sections.findLast((section) => section.getBoundingClientRect().top < innerHeight / 3);
    for (const [id, link] of links) {
      if (id !== current?.id) link.ariaCurrent = null;
      else if (link.ariaCurrent === null) {
        link.ariaCurrent = 'true';
        link.scrollIntoView({ block: 'nearest' });
      }
    }
  },
  { rootMargin: '0px 0px -66% 0px' },
);
for (const section of sections) observer.observe(section);
