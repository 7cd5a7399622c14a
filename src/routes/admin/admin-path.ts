/** What every path of the admin API begins with. */
export const ADMIN_PATH = '/admin/v1/';
