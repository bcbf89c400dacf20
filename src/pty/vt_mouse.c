/*
 * vt_mouse.c - a mouse event for the agent, in the modes and the coding that it asked for.
 */
#include "pty/vt_internal.h"

#include <stdio.h>

#define X10_MAX 223 /* the last column or row that one byte can say */

enum { REPORT_NOTHING, REPORT_CLICKS, REPORT_DRAGS, REPORT_MOVES };

static bool is_wanted(const struct vt_modes *modes, const struct vt_mouse *mouse)
{
    if (!(mouse->button & VT_MOUSE_MOTION))
        return modes->mouse >= REPORT_CLICKS;
    if ((mouse->button & VT_MOUSE_BUTTONS) == VT_MOUSE_NONE)
        return modes->mouse >= REPORT_MOVES;
    return modes->mouse >= REPORT_DRAGS;
}

size_t vt_encode_mouse(const struct vt *vt, const struct vt_mouse *mouse, char out[32])
{
    struct vt_modes modes = vt_modes(vt);
    int cols, rows;

    vt_size(vt, &cols, &rows);
    if (!is_wanted(&modes, mouse) || mouse->row < 0 || mouse->row >= rows || mouse->col < 0 ||
            mouse->col >= cols)
        return 0;

    unsigned button = mouse->button & 0xff, x = (unsigned)mouse->col + 1,
             y = (unsigned)mouse->row + 1;

    if (modes.mouse_sgr)
        return (size_t)snprintf(
                out, 32, "\033[<%u;%u;%u%c", button, x, y, mouse->release ? 'm' : 'M');
    if (x > X10_MAX || y > X10_MAX)
        return 0;
    if (mouse->release)
        button |= VT_MOUSE_NONE;
    return (size_t)snprintf(
            out, 32, "\033[M%c%c%c", (char)(button + 32), (char)(x + 32), (char)(y + 32));
}
