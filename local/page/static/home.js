// The page that one starts at: the question box, the library, and the measuring of both.
import "./ask.js";
import "./drop.js";
import "./measure.js";
import { refresh } from "./library.js";

refresh();
