/**
 * Shapes of what the station sends; nothing here runs.
 *
 * @typedef {{allowed: boolean, reason: string|null}} Permission
 * @typedef {{id: string, label: string, consequence: string|null, redoes?: string[], uses_part?: boolean|null}} Answer
 * @typedef {{id: string, number: number|string, title: string, text?: string, cause: string, remedy: string[], answers: Answer[],
 *   severity: string, raised_at: string, objects: Object<string, unknown>, position_trusted: boolean|null,
 *   state_token: string}} Alarm
 * @typedef {{name: string, x_um: number, y_um: number, theta_deg: number, size_x_um: number, size_y_um: number,
 *   state: string}} Site
 * @typedef {{serial: string|null, size_x_um: number, size_y_um: number,
 *   fiducials: {name: string, x_um: number, y_um: number}[], sites: Site[]}} Board
 * @typedef {{id: string, recipe: string, recipe_hash: string, state: string, boards_done: number,
 *   boards_total: number, placed: number, rejected: number, unplaced: number, cycle_s: number|null}} Job
 * @typedef {{name: string, state: string, is_named: boolean, refusal: string|null}} RecipeRow
 * @typedef {{height_um: number|null, target_um: number, tolerance_um: number, age_s: number|null,
 *   generation: number|null, trend: number[]}} Film
 * @typedef {{z_um: number[], force_n: number[], contact_z_um: number|null, peak_force_n: number|null,
 *   hold_force_n: number|null, set_force_n: number|null}} Force
 * @typedef {{name: string, x_px: number, y_px: number, r_px: number, state: string}} Ball
 * @typedef {{frame_id: string|number, image: string|null, um_per_px: number, width_px: number, height_px: number,
 *   view: string, balls: Ball[], counts: Object<string, number>}} Camera
 * @typedef {{x_um: number, y_um: number, theta_deg: number, limit_um: number}} Offset  offset of the last placement
 * @typedef {{number: number, lot: string, pocket: number, failed_picks: number, failed_picks_max: number,
 *   window_picks: number}} Tray
 * @typedef {{name: string, connected: boolean, age_s: number|null, round_trip_s: number|null}} Device
 * @typedef {{
 *   station: {name: string, software_version: string, vision_hash?: string|null, simulated: boolean, time_utc: string},
 *   state: {name: string, number: number, mode: string, text: string, sub_step: string|null, since_s: number},
 *   commands: Object<string, Permission>, job: Job|null, board: Board|null, film: Film|null, force: Force|null,
 *   camera: Camera|null, offset?: Offset|null, tray?: Tray|null, alarms: Alarm[], devices: Device[],
 *   safety: Object<string, boolean>|null}} Snapshot
 */
export {};
