"""What programs in the pane print; made the same way each time. One piece of each, which can be
repeated: sequences are whole, and what was switched on is switched off. Standard library only.

The first ten ask for one ability each, as benchmarks of terminals do; the last four are what an
agent's pane shows."""
import random

WORDS = ("error warning const char return struct while the of and file read write test build "
         "proxy agent session update context token request answer parse frame buffer length "
         "offset index value result pointer node edge list table string").split()


def words(rng, least, most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def sgr(*numbers):
    return "\033[" + ";".join(str(n) for n in numbers) + "m"


def rgb(red, green, blue, ground=38):
    return sgr(ground, 2, red, green, blue)


def goto(row, col):
    return f"\033[{row};{col}H"


def dense_cells(cols, rows):
    """Every cell has colours and attributes of its own."""
    out = []
    for turn in range(5):
        out.append("\033[H")
        for cell in range(cols * rows):
            shade = (cell // cols + cell % cols + turn) % 180
            out.append(sgr(38, 5, 16 + shade, 48, 5, 231 - shade, 1, 3, 4) + "abcde"[turn])
    return "".join(out) + "\033[m"


def medium_cells(cols, rows):
    """An editor: coloured words in one line, the status line, a scrolled line now and then."""
    rng = random.Random(21)
    out = []
    for number in range(1200):
        if number % 4 == 0:
            row = rows - 2
            out.append(f"\033[1;{row}r{goto(row, 1)}\n\033[r")
        else:
            row = rng.randint(1, rows - 2)
        out.append(f"\033[?25l{goto(row, 1)}{sgr(33)}{number:5d} \033[m")
        left = rng.randint(cols // 3, cols - 8) - 6
        while (word := rng.choice(WORDS)) and len(word) < left:
            color = rng.choice((None, None, 75, 114, 180, 203))
            out.append(f"{sgr(38, 5, color)}{word}\033[39m " if color else word + " ")
            left -= len(word) + 1
        out.append(f"\033[K{goto(rows, 1)}{sgr(7)} INSERT \033[27m main.c  {number}\033[K"
                   f"{goto(row, 1 + number % cols)}\033[?25h")
    return "".join(out) + "\033[m"


def light_cells(cols, rows):
    """The screen full of one letter, then of the next."""
    return "".join("\033[H" + chr(97 + turn % 26) * (cols * rows) for turn in range(78))


def scrolling(cols, rows):
    return "y\n" * 200_000


def scrolling_fullscreen(cols, rows):
    """Lines that just fit."""
    return "".join(chr(97 + turn % 26) * cols + "\n" for turn in range(4000))


def scrolling_top_region(cols, rows):
    """The first line stays: nothing goes to the history."""
    return f"\033[2;{rows}r{goto(rows, 1)}" + "y\n" * 200_000 + "\033[r"


def scrolling_bottom_region(cols, rows):
    """The last line stays."""
    return f"\033[1;{rows - 1}r{goto(rows - 1, 1)}" + "y\n" * 200_000 + "\033[r"


def cursor_motion(cols, rows):
    """Each letter at a place of its own, along a spiral."""
    out = []
    for turn in range(10):
        letter = chr(97 + turn)
        for ring in range(min(cols, rows) // 2):
            left, top, right, bottom = 1 + ring, 1 + ring, cols - ring, rows - ring
            out += [goto(top, col) + letter for col in range(left, right)]
            out += [goto(row, right) + letter for row in range(top, bottom)]
            out += [goto(bottom, col) + letter for col in range(right, left, -1)]
            out += [goto(row, left) + letter for row in range(bottom, top, -1)]
    return "".join(out)


def unicode_mix(cols, rows):
    """Many scripts, wide signs, emoji, signs that combine."""
    rng = random.Random(22)
    ranges = ((0xC0, 0x180), (0x3B1, 0x3C9), (0x430, 0x44F), (0x5D0, 0x5EA), (0x2500, 0x2580),
              (0x2190, 0x21F0), (0x3042, 0x3090), (0x4E00, 0x6E00), (0xAC00, 0xB400),
              (0x1F600, 0x1F640))
    out = ["\033[H"]
    for _ in range(50_000):
        first, last = rng.choice(ranges)
        out.append("".join(chr(rng.randint(first, last - 1)) for _ in range(4)))
        if rng.random() < 0.15:
            out.append("a\u0308e\u0301o\u0323\u0302")
    return "".join(out)


def alt_screen(cols, rows):
    """Into the alternate screen, some lines, and back."""
    rng = random.Random(23)
    out = []
    for number in range(400):
        out.append("\033[?1049h\033[H\033[2J")
        for row in range(2, rows, 4):
            out.append(f"{goto(row, 1)}{sgr(31 + number % 7)}{number} "
                       f"{words(rng, 8, 12)[:cols - 8]}\033[m")
        out.append("\033[?1049l")
    return "".join(out)


GRAY, DIM, ORANGE = rgb(136, 136, 136), rgb(153, 153, 153), rgb(215, 119, 87)
SPINNER = "\u00b7\u2722\u2733\u2736\u273b\u273d"


def transcript(number, cols):
    """One line of what an agent tells: prose, its tools, differences, questions of the user."""
    rng = random.Random(number)
    kind = number % 20
    text = words(rng, 6, 15)[:cols - 6]
    if kind == 0:
        return f"\033[1m> \033[22m{rgb(177, 185, 249)}{text}\033[39m"
    if kind in (1, 11):
        return f"{rgb(78, 186, 101)}\u25cf\033[39m {text}"
    if kind == 2:
        return f"  {DIM}\u23bf  \033[39m\033[1mUpdate\033[22m(src/{rng.choice(WORDS)}.c)"
    if 3 <= kind <= 9:
        ground = rgb(34, 92, 43, 48) if kind % 2 else rgb(122, 41, 54, 48)
        body = f"{number % 1000:5d} {'+' if kind % 2 else '-'} {text}"[:cols - 8]
        return f"    {ground}{rgb(255, 255, 255)}{body:<{cols - 8}}\033[49m\033[39m"
    return "" if kind == 13 else "  " + text


def input_box(number, cols):
    """A spinner, the box in which the user types, hints."""
    typed = ("please look at why the test of the parser fails " * 2)[:4 + number % 50]
    edge = "\u2500" * (cols - 2)
    return [f"{ORANGE}{SPINNER[number % 6]} Pondering\u2026 {DIM}({number // 10}s \u00b7 \u2191 "
            f"{number / 30:.1f}k tokens \u00b7 esc to interrupt)\033[39m",
            f"{GRAY}\u256d{edge}\u256e\033[39m",
            f"{GRAY}\u2502\033[39m > {typed}\033[7m \033[27m{' ' * (cols - 6 - len(typed))}"
            f"{GRAY}\u2502\033[39m",
            f"{GRAY}\u2570{edge}\u256f\033[39m",
            f"  {rgb(255, 107, 128)}accept edits on\033[39m {DIM}(shift+tab to cycle)\033[39m",
            f"  {DIM}~/src/project  main  context {100 - number % 90}%\033[39m"]


def screenful(number, cols, rows):
    """The lines of one frame; the text moves up with every third, its last line grows."""
    top = number // 3
    lines = [transcript(top + row, cols) for row in range(rows - 6)]
    lines[-1] = "  " + " ".join(WORDS[:1 + number % 14])[:cols - 4]
    return lines + input_box(number, cols)


def full_frame(number, cols, rows, first="", last=""):
    """As Claude Code draws a whole screen: in marks of a synchronized update."""
    lines = screenful(number, cols, rows)
    lines[0], lines[-1] = first + lines[0], last + lines[-1]
    return ("\033[?2026h\033[?25l\033[H" + "\r\n".join("\033[2K" + line for line in lines) +
            f"{goto(rows - 3, 5 + number % 50)}\033[?25h\033[?2026l")


def claude_fs(cols, rows):
    return "".join(full_frame(number, cols, rows) for number in range(150))


def ink_inline(cols, rows):
    """As Ink redraws below what has been said: erase upwards, a new line, the live part again."""
    live = 14
    out = ["\r\n" * (live - 1)]
    for number in range(400):
        out.append("\033[?2026h" + "\033[2K\033[1A" * (live - 1) + "\033[2K\033[G")
        if number % 2 == 0:
            out.append(transcript(number // 2, cols) + "\r\n")
        out.append("\r\n".join(screenful(number, cols, live)) + "\033[?2026l")
    return "".join(out)


def ansilog(cols, rows):
    """The coloured log of a build."""
    rng = random.Random(24)
    levels = (sgr(32) + "info ", sgr(33) + "warn ", sgr(1, 31) + "fail ", sgr(2) + "debug")
    return "".join(
        f"{sgr(2)}09:{n // 60 % 60:02d}:{n % 60:02d}.{n % 997:03d}\033[0m {rng.choice(levels)}"
        f"\033[0m {sgr(36)}{rng.choice(WORDS)}\033[0m: {words(rng, 3, 14)}\n"
        for n in range(8000))


def seq(cols, rows):
    return "".join(f"{n}\n" for n in range(1, 150_001))


NAMES = ["dense_cells", "medium_cells", "light_cells", "scrolling", "scrolling_fullscreen",
         "scrolling_top_region", "scrolling_bottom_region", "cursor_motion", "unicode_mix",
         "alt_screen", "claude_fs", "ink_inline", "ansilog", "seq"]
# Of the megabytes, so that each takes about as long.
SHARE = {"scrolling": 0.5, "scrolling_top_region": 0.25, "scrolling_bottom_region": 0.25,
         "cursor_motion": 0.5, "alt_screen": 0.5}


def flood(cols, rows):
    """Coloured lines, no two alike."""
    rng = random.Random(25)
    return "".join(f"{sgr(31 + n % 6)}{n:06d}\033[m {words(rng, 3, 20)[:min(cols, 100) - 10]}\r\n"
                   for n in range(4000))


def history(cols, rows):
    """A thousand lines of half to whole width, for the memory of what scrolled away."""
    rng = random.Random(26)
    out = []
    for number in range(1000):
        text = words(rng, 40, 40)[:rng.randint(cols // 2, cols - 8)]
        third = len(text) // 3
        out.append(f"{sgr(33)}{number:06d}\033[m {text[:third]}{sgr(1, 34)}"
                   f"{text[third:2 * third]}\033[m{text[2 * third:]}\n")
    return "".join(out)


def haystack(cols, rows, thousands):
    """A history with a needle at its beginning, and something like it at its end."""
    return ("needle " + chr(0x2800 + 255) + "\n" + history(cols, rows) * thousands + "needl\n" +
            "the end\n" * 2 * rows)


FRAMES = 100


def frames(cols, rows):
    """Full frames, each with marks in the first and the last line, of which Tearing knows."""
    def sign(number):
        return chr(0x2800 + number)
    return "".join(full_frame(n, cols, rows, sign(1 + n), sign(1 + FRAMES + n))
                   for n in range(FRAMES))


def frame(cols, rows):
    return full_frame(50, cols, rows)
