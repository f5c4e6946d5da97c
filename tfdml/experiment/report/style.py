"""The look of the page: calm, in light and dark, on a screen and on a phone."""

STYLE = """
:root {
  --paper: #fcfcfb; --card: #fff; --ink: #1c2127; --pale: #626b76; --rule: #e3e6e9; --track: #eceef0;
  --accent: #1f5fa8; --rest: #a3adb8; --right: #1a7f4b; --wrong: #c8372d;
  --s1: #1f5fa8; --s2: #c96a1b; --s3: #2b8a6a; --s4: #8a4f9e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1b1f24; --ink: #e4e7ea; --pale: #98a2ad; --rule: #2c323a; --track: #262b32;
    --accent: #79b4f2; --rest: #5e6975; --right: #4fc48c; --wrong: #ff8577;
    --s1: #79b4f2; --s2: #f0a35e; --s3: #5ecba5; --s4: #c792dc;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
main { max-width: 1080px; margin: 0 auto; padding: 56px 28px 80px; }
h1 { font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; margin: 0 0 8px; }
h2 { font-size: 1.3rem; font-weight: 620; letter-spacing: -.008em; margin: 0 0 6px; }
h3 { font-size: .95rem; font-weight: 620; margin: 0; }
.meaning { font-size: .9rem; color: var(--pale); margin: 2px 0 10px; }
p { margin: 0 0 16px; max-width: 44em; }
section { margin-top: 64px; }
section > p { color: var(--pale); }
figure, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
img { display: block; }
.symbols { position: absolute; }
.protocol { color: var(--pale); font-size: 1.05rem; margin-bottom: 28px; }
.lead { font-size: 1.12rem; margin: 20px 0 0; }

.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 20px; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 20px 24px 22px;
}
.big { font-size: 3.3rem; line-height: 1.1; font-weight: 640; letter-spacing: -.03em; margin: 2px 0 4px; }
.big small {
  font-size: 1.4rem; font-weight: 500; margin-left: .18em; color: var(--pale); letter-spacing: 0;
}
.gains {
  display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: .92rem; color: var(--pale);
  margin-bottom: 16px;
}
.gains strong { color: var(--ink); font-weight: 600; }
.bars { display: grid; grid-template-columns: max-content 1fr; gap: 7px 14px; align-items: center; }
.bars dt { font-size: .9rem; color: var(--pale); max-width: 9em; }
.bars dd { display: flex; align-items: center; gap: 10px; font-size: .9rem; color: var(--pale); }
.bars .first { color: var(--ink); font-weight: 600; }
.bar { flex: 1; height: 10px; border-radius: 5px; background: var(--track); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--rest); border-radius: 5px; }
.first .bar i { background: var(--accent); }
.value { min-width: 2.6em; text-align: right; }

.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 16px 28px;
  margin-top: 32px; padding-top: 22px; border-top: 1px solid var(--rule);
}
.facts dt { font-size: .82rem; color: var(--pale); }
.facts dd { overflow-wrap: anywhere; }
.notes { margin-top: 24px; padding: 12px 18px; border-left: 3px solid var(--s2); background: var(--card); }
.notes p { margin: 2px 0; }

.charts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 32px;
}
.charts figure { max-width: 560px; }
.charts h3 { margin: 10px 0 8px; }
.charts svg { display: block; width: 100%; height: auto; }
.charts text { font-size: 12.5px; fill: var(--pale); }
.grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--series); stroke-width: 2; stroke-linejoin: round; }
.dot { fill: var(--series); }
.s1 { --series: var(--s1); }
.s2 { --series: var(--s2); }
.s3 { --series: var(--s3); }
.s4 { --series: var(--s4); }
.line.s2 { stroke-dasharray: 7 3; }
.line.s3 { stroke-dasharray: 2 3; }
.line.s4 { stroke-dasharray: 9 3 2 3; }
.legend {
  display: flex; flex-wrap: wrap; gap: 4px 22px; font-size: .9rem; color: var(--pale);
  margin: 6px 0 14px;
}
.legend b { color: var(--ink); font-weight: 600; }
.key {
  display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 7px;
  background: var(--series);
}

.figures { display: flex; flex-wrap: wrap; gap: 32px 56px; align-items: start; overflow-x: auto; }
.figures table { flex: 0 1 auto; }
table { border-collapse: collapse; }
caption { text-align: left; color: var(--pale); font-size: .88rem; padding-bottom: 12px; }
th, td {
  padding: 7px 18px; text-align: right; border-bottom: 1px solid var(--rule); font-weight: 400;
  white-space: nowrap;
}
th:first-child { text-align: left; padding-left: 0; }
tr > :last-child { padding-right: 2px; }
thead th { color: var(--pale); font-size: .88rem; border-bottom-color: var(--rest); }
td strong { font-weight: 680; }
.gain { color: var(--pale); }
.meanings {
  flex: 1 1 300px; display: grid; grid-template-columns: max-content 1fr; gap: 8px 18px; font-size: .9rem;
}
.meanings dt { font-weight: 600; }
.meanings dd { color: var(--pale); }

.sheet > li {
  display: grid; grid-template-columns: 96px 1fr; gap: 30px; padding: 18px 0 14px;
  border-top: 1px solid var(--rule);
}
.found { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 14px; }
.found li, .query { min-width: 0; font-size: .78rem; line-height: 1.3; }
.query img, .picture img, .few img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff; }
.query img { border-radius: 8px; outline: 1px solid var(--rule); }
.picture {
  position: relative; display: block; border: 2.5px solid; border-radius: 8px; margin-bottom: 6px;
}
.picture img { border-radius: 5px; }
.right .picture { border-color: var(--right); }
.wrong .picture { border-color: var(--wrong); border-style: dashed; }
.picture svg { position: absolute; top: -9px; right: -9px; width: 20px; height: 20px; }
.picture svg { stroke: var(--paper); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.right svg { fill: var(--right); } .wrong svg { fill: var(--wrong); }
symbol path { fill: none; }
.name {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2;
  overflow: hidden; overflow-wrap: anywhere;
}
.query .name { margin-top: 7px; font-weight: 600; -webkit-line-clamp: 4; }
.found small { color: var(--pale); font-size: .74rem; }

.scroll { overflow-x: auto; margin-top: 20px; }
.map { position: relative; min-width: var(--least); max-width: var(--most); }
.map img { width: 100%; height: auto; }
.spots { position: absolute; inset: 0; }
.spots b { position: absolute; width: var(--cell-width); height: var(--cell-height); border-radius: 4px; }
.spots b:hover { outline: 2px solid var(--accent); }

.pairs {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 20px;
}
.pairs > li {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px 12px;
}
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 28px; }
.pair figure { min-width: 0; }
.few { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 5px; }
.few img { border-radius: 5px; }
.pair figcaption { font-size: .85rem; line-height: 1.35; margin-top: 8px; overflow-wrap: anywhere; }
.pairs p { font-size: .85rem; color: var(--pale); margin: 10px 0 0; }
.pairs p b { color: var(--ink); font-weight: 600; }

details { border-top: 1px solid var(--rule); padding: 12px 0; }
summary { cursor: pointer; font-weight: 600; }
pre {
  margin: 12px 0 0; padding: 16px 18px; overflow-x: auto; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px;
  font: .84rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
details table { margin-top: 10px; font-size: .9rem; }
@media (max-width: 720px) {
  main { padding: 32px 18px 56px; }
  h1 { font-size: 1.6rem; }
  section { margin-top: 48px; }
  th, td { padding: 7px 6px; font-size: .9rem; }
  thead th { white-space: normal; vertical-align: bottom; }
  .sheet > li { grid-template-columns: 1fr; gap: 16px; }
  .query { display: flex; align-items: center; gap: 14px; font-size: .9rem; }
  .query img { width: 72px; }
  .found { grid-template-columns: repeat(4, minmax(0, 1fr)); }
}
@media print {
  body { background: #fff; }
  .sheet > li, .pairs > li, .card { break-inside: avoid; }
}
"""
