// What the server says about the room: the catalog's name, the version, whether and why it is read-only.

import { Signal } from "./signals.js";

export const room = new Signal(null);

/** Whether the server refuses decisions. */
export const isReadOnly = () => room.value?.read_only ?? false;

/** The server's sentence why it refuses decisions. */
export const refusal = () => room.value?.refusal ?? "";
