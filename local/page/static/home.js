// The page that one starts at: the question box and the library.
import "./ask.js";
import "./drop.js";
import { refresh } from "./library.js";

refresh();
