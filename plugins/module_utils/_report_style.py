# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: the looks of the HTML report: one style sheet for light and dark, desk and phone."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1b1f24; --soft: #5b6673; --line: #dfe3e8;
  --code: #f0f2f5; --ok: #1a7f4b; --warning: #9a6700; --unknown: #6e40c9; --critical: #c62828;
  --ok-bg: #e4f5ec; --warning-bg: #fdf3d7; --unknown-bg: #efe8fb; --critical-bg: #fdeaea; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1318; --card: #181d24; --text: #e6eaef; --soft: #97a3b0;
  --line: #2b333d; --code: #11161c; --ok: #4cc38a; --warning: #e3b341; --unknown: #b392f0; --critical: #ff7b72;
  --ok-bg: #12291e; --warning-bg: #2d2511; --unknown-bg: #241c36; --critical-bg: #331a1b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.45; overflow-wrap: anywhere;
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.1rem; margin: 0; }
h3 { font-size: .8rem; margin: 1.6rem 0 .5rem; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .875rem; }
header { border-radius: .75rem; padding: 1.1rem 1.25rem; border: 1px solid; margin-bottom: 1.25rem; }
header p.said { font-size: 1.06rem; margin: .6rem 0; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; }
.pill { font-weight: 700; font-size: .78rem; letter-spacing: .05em; border-radius: 99px; padding: .16rem .65rem;
  color: var(--card); white-space: nowrap; }
section.host { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.1rem 1.25rem;
  margin-bottom: 1.25rem; }
.ok header, header.ok { background: var(--ok-bg); border-color: var(--ok); }
header.warning { background: var(--warning-bg); border-color: var(--warning); }
header.unknown { background: var(--unknown-bg); border-color: var(--unknown); }
header.critical { background: var(--critical-bg); border-color: var(--critical); }
.pill.ok { background: var(--ok); } .pill.warning { background: var(--warning); }
.pill.unknown { background: var(--unknown); } .pill.critical { background: var(--critical); }
.cause { border: 1px solid var(--line); border-left: .3rem solid; border-radius: .5rem; padding: .8rem 1rem;
  margin: .6rem 0; }
.cause.warning { border-left-color: var(--warning); } .cause.unknown { border-left-color: var(--unknown); }
.cause.critical { border-left-color: var(--critical); }
ul.chain { list-style: none; margin: .5rem 0 .2rem; padding: 0 0 0 .2rem; }
ul.chain ul.chain { padding-left: 1.25rem; margin: 0; }
ul.chain li { padding: .2rem 0 0 1.2rem; position: relative; }
ul.chain li::before { content: ""; position: absolute; left: .2rem; top: -.2rem; height: 1.1rem; width: .65rem;
  border-left: 2px solid var(--line); border-bottom: 2px solid var(--line); border-bottom-left-radius: .4rem; }
.dot { display: inline-block; width: .62rem; height: .62rem; border-radius: 50%; margin-right: .45rem; flex: none; }
.dot.ok { background: var(--ok); } .dot.warning { background: var(--warning); }
.dot.unknown { background: var(--unknown); } .dot.critical { background: var(--critical); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); gap: .6rem; }
.tile { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.tile b { display: flex; align-items: center; } .tile p { font-size: .875rem; margin: .25rem 0 0; }
.command { display: flex; gap: .5rem; align-items: stretch; margin: .4rem 0 0; }
.command code { flex: 1; background: var(--code); border: 1px solid var(--line); border-radius: .4rem; min-width: 0;
  padding: .35rem .6rem; font: .82rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
button { border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: var(--text);
  padding: 0 .8rem; font: inherit; font-size: .82rem; cursor: pointer; }
button:focus-visible, summary:focus-visible { outline: 2px solid var(--unknown); outline-offset: 2px; }
details { border-top: 1px solid var(--line); padding: .5rem 0; } summary { cursor: pointer; }
table { border-collapse: collapse; font-size: .84rem; margin: .4rem 0 .2rem 1.1rem; }
td { padding: .1rem .9rem .1rem 0; vertical-align: top; } td:first-child { color: var(--soft); white-space: nowrap; }
.bar { display: grid; grid-template-columns: minmax(7rem, 15rem) 1fr minmax(9rem, 17rem); gap: .7rem;
  align-items: center; font-size: .84rem; padding: .18rem 0; }
.bar > span:last-child { color: var(--soft); } .track { display: flex; background: var(--code); height: .8rem;
  border-radius: .25rem; overflow: hidden; } .track i { display: block; height: 100%; }
.legend { display: flex; flex-wrap: wrap; gap: .9rem; font-size: .8rem; color: var(--soft); margin-bottom: .3rem; }
.legend i { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .3rem; }
i.dns { background: #8a63d2; } i.connect { background: #3b7dd8; } i.tls { background: #1b9e9e; }
i.first_byte { background: #e08b2c; } i.read { background: #7b8794; }
i.waiting { background: #3b7dd8; } i.stuck { background: var(--critical); } i.poisoned { background: var(--unknown); }
@media (max-width: 34rem) { .command { flex-direction: column; } button { padding: .35rem; } table { margin-left: 0; }
  .bar { grid-template-columns: 1fr; gap: .15rem; padding: .35rem 0; } }
@media print { button { display: none; } section.host { break-inside: avoid; } }
"""

SCRIPT = """
for (const button of document.querySelectorAll('button[data-copy]')) {
  button.addEventListener('click', async () => {
    const code = button.parentElement.querySelector('code');
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = 'Copied'; }
    catch { getSelection().selectAllChildren(code); button.textContent = 'Selected'; }
  });
}
"""
