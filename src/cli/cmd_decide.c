/*
 * cmd_decide.c - `ironcurtain approve`, `deny` and `review`: answers from another terminal.
 *
 * The rules of the screen hold here, too. A person sees the request whole and approves it by
 * copying two letters that were made after it was printed; what was typed before is thrown
 * away. A script has no eyes, so it names the digest of what it decided about, and what is of
 * high risk it cannot approve at all. None of it works inside of a box.
 */
#include "cli/cmd.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/queue.h"
#include "io/crypt.h"

static const char usage[] =
        "usage: ironcurtain approve|deny ID [--scope once|session|always] [--width "
        "exact|host]\n"
        "                                   [-m TEXT] [--digest D]\n"
        "       ironcurtain review [ID]\n\n"
        "Answer a request of 'ironcurtain pending'. approve prints it and asks for two "
        "letters;\n"
        "a script gives the digest it was shown instead (pending --json), and cannot approve\n"
        "what is of high risk. review goes through all that wait, or one.\n";

struct args {
    const char *id; /* NULL: none */
    const char *digest;
    const char *message;
    enum scope scope;
    enum width width;
    bool help;
};

/* --- asking a person ---------------------------------------------------------------------- */

/* A line without its end; false at the end of the input. */
static bool read_line(char *line, size_t cap)
{
    if (!fgets(line, (int)cap, stdin))
        return false;
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '\n')
        line[n - 1] = '\0';
    else /* too long for an answer: the rest of it is none either */
        for (int c = 0; c != '\n' && c != EOF;)
            c = getchar();
    return true;
}

/* Whatever was typed before the question could be read is no answer to it. */
static bool ask(const char *question, char *line, size_t cap)
{
    fputs(question, stdout);
    (void)fflush(stdout);
    (void)tcflush(STDIN_FILENO, TCIFLUSH);
    return read_line(line, cap);
}

static void make_code(char code[3])
{
    static const char letters[] = "abcdefghkmpqrstuvwxz";
    unsigned char random[2];

    crypt_random(random, sizeof(random));
    for (int i = 0; i < 2; i++)
        code[i] = letters[random[i] % (sizeof(letters) - 1)];
    code[2] = '\0';
}

static bool is_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* --- the answer --------------------------------------------------------------------------- */

/* The exact rule, which is shown and given back. */
static int add_rule(const struct waiting *item, const struct args *args,
        struct gate_answer *answer, char line[RECIPE_LINE], struct err *err)
{
    answer->scope = args->scope;
    answer->width = args->width;
    answer->message = args->message;
    if (args->scope == SCOPE_ONCE)
        return 0;
    int rc = waiting_rule(item, answer->allow, args->width, line, err);
    answer->rule = line;
    if (rc == 0)
        printf("RULE   %s\n", line);
    return rc;
}

static int by_script(
        const struct waiting *item, const struct args *args, const struct gate_answer *answer)
{
    struct err err;

    if (strcmp(args->digest, item->rec.digest) != 0) {
        err_set(&err, ERR_CONFLICT, "request #%d is not what has that digest",
                item->rec.number);
        return cmd_fail(&err);
    }
    if (answer->allow && strcmp(item->rec.risk, "high") == 0) {
        err_set(&err, ERR_DENIED,
                "request #%d is of high risk: a person approves it, on a terminal",
                item->rec.number);
        return cmd_fail(&err);
    }
    return waiting_decide(item, answer);
}

static int by_person(const struct waiting *item, const struct gate_answer *answer)
{
    char code[3], question[120], line[16];

    if (!answer->allow)
        return waiting_decide(item, answer);
    make_code(code);
    snprintf(question, sizeof(question),
            "\ntype %s to approve #%d; anything else leaves it undecided: ", code,
            item->rec.number);
    if (!ask(question, line, sizeof(line)) || strcmp(line, code) != 0) {
        cmd_say("not approved; it waits");
        return EXIT_REFUSED;
    }
    return waiting_decide(item, answer);
}

static int decide(bool allow, const struct args *args)
{
    struct gate_answer answer = {.allow = allow};
    struct waiting_list list;
    char line[RECIPE_LINE];
    struct err err;

    if (!args->digest && !is_terminal()) {
        err_set(&err, ERR_USAGE,
                "there is no terminal to ask on; give the digest of what is decided "
                "(--digest)");
        return cmd_fail(&err);
    }
    int rc = waiting_read(&list, &err);
    const struct waiting *item = rc < 0 ? NULL : waiting_find(&list, args->id, &err);
    if (item && !args->digest)
        waiting_print(item);
    if (item)
        rc = add_rule(item, args, &answer, line, &err);
    int status = !item || rc < 0 ? cmd_fail(&err)
                 : args->digest  ? by_script(item, args, &answer)
                                 : by_person(item, &answer);
    waiting_release(&list);
    return status;
}

/* --- review ------------------------------------------------------------------------------- */

/* False: enough. */
static bool review_one(const struct waiting *item, unsigned index, unsigned count, int *status)
{
    struct gate_answer answer = {.allow = false};
    char code[3], question[200], line[240];

    make_code(code);
    printf("%s#%d  %u of %u\n", index > 1 ? "\n" : "", item->rec.number, index, count);
    waiting_print(item);
    snprintf(question, sizeof(question),
            "\n%s approves, n denies (n TEXT with a message), Enter leaves it, q ends: ", code);
    if (!ask(question, line, sizeof(line)) || strcmp(line, "q") == 0)
        return false;
    if (strcmp(line, code) == 0)
        answer.allow = true;
    else if (line[0] == 'n' && (line[1] == '\0' || line[1] == ' '))
        answer.message = line[1] ? line + 2 : NULL;
    else
        return true;
    int rc = waiting_decide(item, &answer);
    if (rc != EXIT_DONE)
        *status = rc;
    return true;
}

static int review(const struct args *args)
{
    struct waiting_list list;
    const struct waiting *only = NULL;
    int status = EXIT_DONE;
    struct err err;

    if (!is_terminal()) {
        err_set(&err, ERR_USAGE, "review needs a terminal");
        return cmd_fail(&err);
    }
    if (waiting_read(&list, &err) < 0)
        return cmd_fail(&err);
    if (args->id)
        only = waiting_find(&list, args->id, &err);
    if (args->id && !only)
        status = cmd_fail(&err);
    else if (only)
        (void)review_one(only, 1, 1, &status);
    else if (list.count == 0)
        cmd_say("nothing waits");
    for (size_t i = 0; !args->id && i < list.count; i++)
        if (!review_one(&list.items[i], (unsigned)i + 1, (unsigned)list.count, &status))
            break;
    waiting_release(&list);
    return status;
}

/* --- the command line --------------------------------------------------------------------- */

static int take_scope(const char *name, enum scope *ret, struct err *err)
{
    if (name && strcmp(name, "once") == 0)
        *ret = SCOPE_ONCE;
    else if (name && strcmp(name, "session") == 0)
        *ret = SCOPE_SESSION;
    else if (name && strcmp(name, "always") == 0)
        *ret = SCOPE_ALWAYS;
    else
        return err_set(err, ERR_USAGE, "--scope is once, session or always");
    return 0;
}

static int take_width(const char *name, enum width *ret, struct err *err)
{
    for (enum width width = WIDTH_EXACT; name && width <= WIDTH_TOOL; width++) {
        if (strcmp(name, width_name(width)) == 0) {
            *ret = width;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "--width is exact, host, dir or tool");
}

static int take_option(int *i, char **argv, struct args *args, struct err *err)
{
    const char *name = argv[*i], *value = argv[*i + 1];

    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
        args->help = true;
        return 0;
    }
    if (value)
        ++*i;
    if (strcmp(name, "--scope") == 0)
        return take_scope(value, &args->scope, err);
    if (strcmp(name, "--width") == 0)
        return take_width(value, &args->width, err);
    if (strcmp(name, "-m") == 0 && value)
        args->message = value;
    else if (strcmp(name, "--digest") == 0 && value)
        args->digest = value;
    else
        return err_set(err, ERR_USAGE, value ? "no option '%s'" : "'%s' needs a value", name);
    return 0;
}

static int parse(int argc, char **argv, struct args *args, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        int rc = 0;

        if (argv[i][0] == '-' && argv[i][1])
            rc = take_option(&i, argv, args, err);
        else if (args->id)
            rc = err_set(err, ERR_USAGE, "one request at a time");
        else
            args->id = argv[i];
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int run(int argc, char **argv, int (*fn)(const struct args *args), bool needs_id)
{
    struct args args = {0};
    struct err err;

    if (parse(argc, argv, &args, &err) < 0)
        return cmd_fail(&err);
    if (args.help) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (getenv("IRONCURTAIN_SESSION"))
        err_set(&err, ERR_DENIED, "this is the inside of a box");
    else if (needs_id && !args.id)
        err_set(&err, ERR_USAGE, "which request? 'ironcurtain pending' lists them");
    else
        return fn(&args);
    return cmd_fail(&err);
}

static int approve(const struct args *args)
{
    return decide(true, args);
}

static int deny(const struct args *args)
{
    return decide(false, args);
}

int cmd_approve(int argc, char **argv)
{
    return run(argc, argv, approve, true);
}

int cmd_deny(int argc, char **argv)
{
    return run(argc, argv, deny, true);
}

int cmd_review(int argc, char **argv)
{
    return run(argc, argv, review, false);
}
