/* xterm.js as a filter: see vt_grid.c. Run in a folder that has @xterm/headless. */
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { Terminal } = require("@xterm/headless");
const { Unicode11Addon } = require("@xterm/addon-unicode11");

const BITS = [["isBold", 1], ["isDim", 2], ["isItalic", 4], ["isBlink", 64], ["isInverse", 128],
    ["isInvisible", 256], ["isStrikethrough", 512], ["isOverline", 1024]];

function color(isDefault, isRgb, value) {
    return isDefault ? -1 : isRgb ? 0x1000000 | value : value;
}

function cellOf(cell) {
    const attrs = BITS.reduce((sum, [name, bit]) => sum + (cell[name]() ? bit : 0), 0);
    const line = cell.isUnderline() ? cell.extended.underlineStyle : 0;
    const own = line && (cell.extended.underlineColor & 0x3ffffff) !== 0x3ffffff &&
        !cell.isUnderlineColorDefault();
    const width = cell.getWidth();
    return [width ? cell.getChars() || " " : "", width,
        color(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
        color(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()), attrs, line,
        own ? color(false, cell.isUnderlineColorRGB(), cell.getUnderlineColor()) : -1];
}

async function answer(text) {
    const [cols, rows, hex] = text.split(" ");
    const terminal = new Terminal({ cols: +cols, rows: +rows, scrollback: 100,
        allowProposedApi: true });
    let reply = "";
    terminal.loadAddon(new Unicode11Addon());
    terminal.unicode.activeVersion = "11";
    terminal.onData((data) => { reply += data; });
    await new Promise((done) => terminal.write(Buffer.from(hex, "hex"), done));

    const buffer = terminal.buffer.active, lines = [];
    for (let row = 0; row < +rows; row++) {
        const line = buffer.getLine(buffer.baseY + row), cells = [];
        for (let col = 0; col < +cols; col++)
            cells.push(cellOf(line.getCell(col)));
        lines.push(cells);
    }
    const visible = terminal._core.coreService.isCursorHidden ? 0 : 1;
    const result = { cursor: [buffer.cursorY, Math.min(buffer.cursorX, cols - 1), visible],
        rows: lines, reply: Buffer.from(reply).toString("hex") };
    terminal.dispose();
    return JSON.stringify(result);
}

for await (const line of createInterface({ input: process.stdin }))
    process.stdout.write(await answer(line) + "\n");
