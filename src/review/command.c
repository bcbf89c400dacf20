/* command.c - see command.h. Quotes, $(...) and comments are stepped over as a shell does. */
#include "review/command.h"

struct cutter {
    struct sheet *sheet;
    const char *label; /* of the next line */
    struct str text;
    size_t at, from; /* where we are; where the part began */
    const char *op;  /* what stands before the part */
};

static char peek(const struct cutter *c, size_t ahead)
{
    return c->at + ahead < c->text.n ? c->text.p[c->at + ahead] : '\0';
}

static void put_part(struct cutter *c, size_t to)
{
    struct str part = {c->text.p + c->from, to - c->from};
    char lead[8];

    if (str_trim(part).n == 0 && !c->op[0])
        return;
    snprintf(lead, sizeof(lead), "%-3s", c->op);
    sheet_add(c->sheet, c->label, SHEET_TEXT, str_of(lead), str_trim(part));
    c->label = "";
    c->op = "";
}

static void skip_quoted(struct cutter *c, char quote)
{
    c->at++;
    while (c->at < c->text.n && c->text.p[c->at] != quote)
        c->at += c->text.p[c->at] == '\\' && quote == '"' ? 2 : 1;
    c->at++;
}

/* Brackets of any kind, to their end: what is inside is one word of the part. */
static void skip_brackets(struct cutter *c)
{
    int depth = 0;

    for (; c->at < c->text.n; c->at++) {
        char ch = c->text.p[c->at];

        if (ch == '\'' || ch == '"') {
            skip_quoted(c, ch);
            c->at--;
        } else if (ch == '(') {
            depth++;
        } else if (ch == ')' && --depth == 0) {
            c->at++;
            return;
        }
    }
}

/* The operator here, "" for none. */
static const char *operator_at(const struct cutter *c)
{
    char a = peek(c, 0), b = peek(c, 1);

    if (a == '&' && b == '&')
        return "&&";
    if (a == '|' && b == '|')
        return "||";
    if (a == '|')
        return "|";
    if (a == ';')
        return ";";
    bool is_redirect = b == '>' || (c->at > 0 && strchr("<>", c->text.p[c->at - 1]));
    return a == '&' && !is_redirect ? "&" : "";
}

static void step(struct cutter *c)
{
    char ch = peek(c, 0);
    bool is_start = c->at == 0 || strchr(" \t\n;|&", c->text.p[c->at - 1]);

    if (ch == '\\')
        c->at += 2;
    else if (ch == '\'' || ch == '"' || ch == '`')
        skip_quoted(c, ch);
    else if (ch == '(')
        skip_brackets(c);
    else if (ch == '#' && is_start)
        while (c->at < c->text.n && c->text.p[c->at] != '\n')
            c->at++;
    else
        c->at++;
    if (c->at > c->text.n)
        c->at = c->text.n;
}

static void cut_at(struct cutter *c, const char *op)
{
    put_part(c, c->at);
    c->op = op;
    c->at += strlen(op) ? strlen(op) : 1;
    c->from = c->at;
}

void command_show(struct sheet *sheet, const char *label, struct str command)
{
    struct cutter c = {.sheet = sheet, .label = label, .text = command, .op = ""};
    bool has_document = memmem(command.p, command.n, "<<", 2) != NULL;

    if (has_document) {
        /* Lines of a document are not commands; as it stands is how it is read best. */
        sheet_printf(sheet, label, SHEET_DIM, "(with a here-document, as it stands)");
        sheet_add_lines(sheet, SHEET_TEXT, STR("   "), command);
        return;
    }
    while (c.at < command.n) {
        const char *op = operator_at(&c);

        if (op[0])
            cut_at(&c, op);
        else if (peek(&c, 0) == '\n')
            cut_at(&c, "");
        else
            step(&c);
    }
    put_part(&c, command.n);
}

void word_quote(struct buf *out, struct str word)
{
    bool is_plain = word.n > 0;

    for (size_t i = 0; i < word.n; i++)
        is_plain = is_plain && (char_is_alnum(word.p[i]) || (unsigned char)word.p[i] >= 128 ||
                                       strchr("-_./:=@%+,", word.p[i]));
    if (is_plain) {
        buf_append_str(out, word);
        return;
    }
    buf_putc(out, '\'');
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, word.p[i]);
    }
    buf_putc(out, '\'');
}
